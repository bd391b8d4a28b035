"""What is true about a sample invoice, and how the two providers are to tell it."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from .numerals import CENT, in_figures

# An `img_status` that is not in the answer at all, as opposed to null.
ABSENT: Any = object()

MEDICAL_TYPES = {"unknown": 0, "western_medicine": 1, "chinese_medicine": 2, "treatment": 3}


@dataclass(frozen=True)
class Detail:
    category: str
    printed_name: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    kind: str  # a key of MEDICAL_TYPES
    specification: str | None = None
    code: str | None = None
    level: str | None = None
    self_pay: Decimal | None = None
    catalogue_name: str | None = None  # None: no entry of the insurance catalogue was matched

    @property
    def amount(self) -> Decimal:
        return (self.quantity * self.unit_price).quantize(CENT)


@dataclass(frozen=True)
class Status:
    """What the registry knows to have happened to the bill."""

    printed: bool = False
    red_lettered: bool = False
    voided: bool = False
    posted: bool = False


@dataclass(frozen=True)
class Reimbursement:
    agency: str
    day: date
    amount: Decimal


@dataclass(frozen=True)
class Recognition:
    """How the recognition provider words its answer."""

    billing_date_format: str = "%Y-%m-%d"
    stay_date_format: str = "%Y-%m-%d"
    figures_key: str = "AmountInFiguers"
    misread_figures: Decimal | None = None
    without_table: bool = False  # the table of items was not found
    unread: tuple[str, ...] = ()  # keys answered "" although the bill prints them


@dataclass(frozen=True)
class Verification:
    """How the verification provider words its answer."""

    floats: bool = False  # 207.0 instead of 207 for whole numbers
    standard_status: Any = field(default_factory=list)  # img_status as sent
    additional_status: Any = field(default_factory=list)
    without_province: bool = False  # the key itself is missing
    reimbursements_key: bool = False  # the key is sent (as null) although there are none
    unknown_kind: bool = False  # `type` is 0


@dataclass(frozen=True)
class Invoice:
    stem: str
    extension: str  # "jpg", "png", "bmp"
    look: str  # "clean", "print", "scan", "photo"
    ink: str  # colour of the form: "teal", "brown"

    province: str  # 北京
    region: str  # 北京市
    inpatient: bool
    note_code: str
    note_no: str
    check_code: str
    billing_date: date
    patient: str
    hospital: str
    hospital_type: str
    department: str
    insurance_type: str
    business_no: str
    visit_no: str  # 门诊号 or 住院号
    payee: str
    reviewer: str
    fund: Decimal  # 医保统筹基金支付
    account: Decimal  # 个人账户支付
    own_expense: Decimal  # 个人自费

    qr_form: str = "url"  # what medical bills carry; or "url without total", "parameters", "tax"
    qr_mask: int = 0  # of the eight, the one that decoders read best in this picture
    gender: str | None = None  # 男, 女
    details: tuple[Detail, ...] = ()
    bare_categories: tuple[tuple[str, Decimal], ...] = ()  # for a bill that prints no details
    other: Decimal = Decimal("0.00")  # 其他支付
    prepaid: Decimal | None = None
    treatment_date: date | None = None
    admission_date: date | None = None
    discharge_date: date | None = None
    hospital_days: int | None = None
    medical_record_no: str | None = None
    insurance_no: str | None = None
    social_security_no: str | None = None
    medical_card_no: str | None = None
    payer_credit_code: str | None = None
    work_unit: str | None = None
    invoice_party_code: str | None = None
    payment_channel: str | None = None
    remark: str | None = None
    yuan: str = "元"
    whole: str = "整"
    thousands: bool = False  # 1,939.48

    # By the names each provider documents for the province. Text stands for what is no amount.
    region_supplement: tuple[tuple[str, Decimal | str], ...] = ()
    region_payments: tuple[tuple[str, Decimal | str], ...] = ()

    status: Status | None = None  # None: the registry sent none
    last_queried: str | None = None
    query_count: int | None = None
    reimbursements: tuple[Reimbursement, ...] = ()

    recognition: Recognition = Recognition()
    verification: Verification = field(default_factory=Verification)

    @property
    def file(self) -> str:
        return f"{self.stem}.{self.extension}"

    @property
    def title(self) -> str:
        return f"{self.region}医疗{'住院' if self.inpatient else '门诊'}收费票据（电子）"

    @property
    def categories(self) -> tuple[tuple[str, Decimal], ...]:
        sums = dict(self.bare_categories)
        for detail in self.details:
            sums[detail.category] = sums.get(detail.category, Decimal("0.00")) + detail.amount
        return tuple(sums.items())

    @property
    def total(self) -> Decimal:
        return sum((amount for _, amount in self.categories), Decimal("0.00"))

    @property
    def cash(self) -> Decimal:
        """个人现金支付: what neither fund nor account bears."""
        return self.total - self.fund - self.other - self.account

    @property
    def own_share(self) -> Decimal:
        """个人自付: the patient's part within the insurance."""
        return self.cash + self.account - self.own_expense

    @property
    def supplementary(self) -> Decimal | None:
        return None if self.prepaid is None else max(self.cash - self.prepaid, Decimal("0.00"))

    @property
    def refund(self) -> Decimal | None:
        return None if self.prepaid is None else max(self.prepaid - self.cash, Decimal("0.00"))

    @property
    def payments(self) -> tuple[tuple[str, Decimal | str], ...]:
        """支付信息 as the registry has it: the names common to all provinces, then the province's own."""
        common = (
            ("预缴金额", self.prepaid),
            ("补缴金额", self.supplementary),
            ("退费金额", self.refund),
            ("医保统筹基金支付", self.fund),
            ("其他支付", self.other),
            ("个人账户支付", self.account),
            ("个人现金支付", self.cash),
            ("个人自付", self.own_share),
            ("个人自费", self.own_expense),
        )
        return tuple((name, cost) for name, cost in common if cost is not None) + self.region_payments

    def printed(self, amount: Decimal) -> str:
        return in_figures(amount, self.thousands)

    @property
    def qr_text(self) -> str:
        day, total = f"{self.billing_date:%Y%m%d}", f"{self.total:.2f}"
        match self.qr_form:
            case "url":
                return f"http://ebill.example/v?d={self.note_code}_{self.note_no}_{self.check_code}_{total}_{day}"
            case "url without total":
                return f"http://ebill.example/v?d={self.note_code}_{self.note_no}_{self.check_code}_{day}"
            case "parameters":
                bill = f"invoice_code={self.note_code}&invoice_number={self.note_no}&check_code={self.check_code}"
                return f"http://e.example?{bill}"
            case "tax":
                return f"01,10,{self.note_code},{self.note_no},{self.check_code},{day},{total}"
            case _:
                raise ValueError(f"{self.stem}: no QR form {self.qr_form}")
