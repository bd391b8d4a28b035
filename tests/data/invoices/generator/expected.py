"""What the worker must report: the design's `Invoice`, written down from the truth and never from the answers."""

from decimal import Decimal
from typing import Any

from .numerals import in_figures, in_words
from .payment_kinds import KINDS
from .truth import Detail, Invoice

# The answer's key, for each field that the recognition may leave unread.
FIELD_OF_KEY = {"HospitalType": "hospital_type", "Payee": "payee", "RecordNum": "medical_record_no", "BusinessNum": "business_no"}

FORMATS = {"jpg": "jpeg", "png": "png", "bmp": "bmp"}


def expected(invoice: Invoice, stored_size: tuple[int, int]) -> dict[str, Any]:
    width, height = stored_size
    return {
        "file": invoice.file,
        "format": FORMATS[invoice.extension],
        "width": width,
        "height": height,
        "status": "completed",
        "verdict": _verdict(invoice),
        "flags": _flags(invoice),
        "recognition": _recognition(invoice),
        "verification": {"invoice": _verification(invoice), "registry": _registry(invoice)},
        "failed_checks": _failed_checks(invoice),
    }


def _verdict(invoice: Invoice) -> str:
    status = invoice.status
    if status and status.voided:
        return "voided"
    return "red_lettered" if status and status.red_lettered else "genuine"


def _flags(invoice: Invoice) -> list[str]:
    status = invoice.status
    raised = {
        "posted": status and status.posted,
        "printed": status and status.printed,
        "reimbursed": invoice.reimbursements,
        "differs_from_registry": invoice.recognition.misread_figures is not None,
    }
    return [flag for flag, is_raised in raised.items() if is_raised]


def _failed_checks(invoice: Invoice) -> list[str]:
    status = invoice.status
    misread = invoice.recognition.misread_figures is not None
    failed = {
        "total_equals_words": misread,
        "payments_add_up": misread,
        "recognized_equals_verified.total_cost": misread,
        "not_voided": status and status.voided,
        "not_red_lettered": status and status.red_lettered,
        "not_posted": status and status.posted,
    }
    return [check for check, has_failed in failed.items() if has_failed]


def _recognition(invoice: Invoice) -> dict[str, Any]:
    """All amounts are strings of two decimals on the wire, quantities and unit prices are as printed."""
    style = invoice.recognition
    table = not style.without_table
    figures = invoice.total if style.misread_figures is None else style.misread_figures
    fields = {
        "note_no": invoice.note_no,
        "note_kind": "inpatient" if invoice.inpatient else "outpatient",
        "note_kind_text": "住院发票" if invoice.inpatient else "门诊发票",
        "province": invoice.province,
        "patient_name": invoice.patient,
        "patient_gender": {"男": "male", "女": "female", None: None}[invoice.gender],
        "billing_date": _day(invoice.billing_date),
        "admission_date": _day(invoice.admission_date),
        "discharge_date": _day(invoice.discharge_date),
        "hospital_days": None if invoice.hospital_days is None else str(invoice.hospital_days),
        "hospital_name": invoice.hospital,
        "hospital_type": invoice.hospital_type,
        "charging_unit": invoice.hospital,
        "insurance_type": invoice.insurance_type,
        "social_security_no": invoice.social_security_no,
        "clinic_no": None if invoice.inpatient else invoice.visit_no,
        "hospital_no": invoice.visit_no if invoice.inpatient else None,
        "medical_record_no": invoice.medical_record_no,
        "business_no": invoice.business_no,
        "payee": invoice.payee,
        "total_cost": in_figures(figures),
        "total_cost_in_words": in_words(invoice.total, invoice.yuan, invoice.whole),
        "total_cost_from_words": in_figures(invoice.total),
        "insurance_payment": in_figures(invoice.fund),
        "personal_account_payment": in_figures(invoice.account),
        "prepaid_amount": _printed(invoice.prepaid),
        "supplementary_payment": _printed(invoice.supplementary),
        "refund_amount": _printed(invoice.refund),
        "payments": [
            _payment(name, {"text": word} if isinstance(word, str) else in_figures(word))
            for name, word in invoice.region_supplement
        ],
        "cost_categories": [
            {"name": name, "amount": in_figures(amount)} for name, amount in invoice.categories if table
        ],
        "cost_details": [_recognised_detail(detail) for detail in invoice.details if table],
    }
    unread = {FIELD_OF_KEY[key] for key in style.unread}
    return _present({field: value for field, value in fields.items() if field not in unread})


def _recognised_detail(detail: Detail) -> dict[str, Any]:
    return _present({
        "name": detail.printed_name,
        "code": detail.code,
        "specification": detail.specification,
        "quantity": str(detail.quantity),
        "unit_price": str(detail.unit_price),
        "amount": in_figures(detail.amount),
    })


def _verification(invoice: Invoice) -> dict[str, Any]:
    style = invoice.verification
    outpatient = not invoice.inpatient and not style.unknown_kind
    kind = "unknown" if style.unknown_kind else "inpatient" if invoice.inpatient else "outpatient"

    def number(value: Decimal | int | None) -> str | None:
        return None if value is None else _as_json_number(Decimal(value), style.floats)

    return _present({
        "note_code": invoice.note_code,
        "note_no": invoice.note_no,
        "check_code": invoice.check_code,
        "note_title": invoice.title,
        "note_kind": kind,
        "province": None if style.without_province else invoice.region,
        "patient_name": invoice.patient,
        "patient_gender": {"男": "male", "女": "female", None: "unknown"}[invoice.gender],
        "billing_date": _day(invoice.billing_date),
        "treatment_date": _day(invoice.treatment_date),
        "admission_date": _day(invoice.admission_date),
        "discharge_date": _day(invoice.discharge_date),
        "hospital_days": number(invoice.hospital_days),
        "hospital_name": invoice.hospital,
        "hospital_type": invoice.hospital_type,
        "hospital_department": invoice.department,
        "charging_unit": invoice.hospital,
        "invoice_party_code": invoice.invoice_party_code,
        "insurance_type": invoice.insurance_type,
        "insurance_no": invoice.insurance_no,
        "social_security_no": invoice.social_security_no,
        "medical_card_no": invoice.medical_card_no,
        "clinic_no": invoice.visit_no if outpatient else None,
        "hospital_no": None if outpatient else invoice.visit_no,
        "medical_record_no": invoice.medical_record_no,
        "business_no": invoice.business_no,
        "payer_credit_code": invoice.payer_credit_code,
        "work_unit": invoice.work_unit,
        "payee": invoice.payee,
        "reviewer": invoice.reviewer,
        "payment_channel": invoice.payment_channel,
        "remark": invoice.remark,
        "total_cost": number(invoice.total),
        "insurance_payment": number(invoice.fund),
        "personal_account_payment": number(invoice.account),
        "prepaid_amount": number(invoice.prepaid),
        "supplementary_payment": number(invoice.supplementary),
        "refund_amount": number(invoice.refund),
        "payments": [
            _payment(name, {"text": cost} if isinstance(cost, str) else number(cost))
            for name, cost in invoice.payments
        ],
        "cost_categories": [{"name": name, "amount": number(amount)} for name, amount in invoice.categories],
        "cost_details": [
            _present({
                "name": detail.catalogue_name or detail.printed_name,
                "code": detail.code,
                "specification": detail.specification,
                "unit": detail.unit,
                "quantity": number(detail.quantity),
                "unit_price": number(detail.unit_price),
                "amount": number(detail.amount),
                "level": detail.level,
                "self_pay": number(detail.self_pay),
                "kind": detail.kind,
                "category": detail.category,
                "printed_name": detail.printed_name,
            })
            for detail in invoice.details
        ],
        "checksum": {"categories": "passed", "details": "passed" if invoice.details else "unchecked"},
    })


def _payment(name: str, amount: Any) -> dict[str, Any]:
    return _present({"name": name, "kind": KINDS[name], "amount": None if amount == {"text": "无"} else amount})


def _registry(invoice: Invoice) -> dict[str, Any]:
    """`status` is left out where the registry sent none at all; `reimbursements` is always there."""
    status = invoice.status
    states = status and {
        "printed": _yes_or_no(status.printed),
        "red_lettered": _yes_or_no(status.red_lettered),
        "voided": _yes_or_no(status.voided),
        "posted": _yes_or_no(status.posted),
    }
    registry = _present({
        "note_code": invoice.note_code,
        "note_no": invoice.note_no,
        "billing_date": _day(invoice.billing_date),
        "total_cost": _as_json_number(invoice.total, invoice.verification.floats),
        "check_code": invoice.check_code,
        "last_queried": invoice.last_queried,
        "query_count": invoice.query_count,
        "status": states,
    })
    registry["reimbursements"] = [
        {
            "agency": reimbursement.agency,
            "date": _day(reimbursement.day),
            "amount": in_figures(reimbursement.amount),
            "note_code": invoice.note_code,
            "note_no": invoice.note_no,
        }
        for reimbursement in invoice.reimbursements
    ]
    return registry


def _as_json_number(value: Decimal, floats: bool) -> str:
    """The shortest way a JSON number has: 207.50 is 207.5, and 207.00 is 207, or 207.0 from a provider of floats."""
    if value == value.to_integral_value():
        return f"{int(value)}.0" if floats else str(int(value))
    return f"{value.normalize():f}"


def _printed(amount: Decimal | None) -> str | None:
    return None if amount is None else in_figures(amount)


def _day(day) -> str | None:
    return None if day is None else day.isoformat()


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if value is not None and value != []}
