"""What the two providers answer on the wire, in the shape of their documents."""

from datetime import date
from decimal import Decimal
from typing import Any

from .numerals import in_figures, in_words
from .truth import ABSENT, MEDICAL_TYPES, Invoice


def answers(invoice: Invoice) -> dict[str, Any]:
    return {
        "qr": invoice.qr_text,
        "recognition": recognition(invoice),
        "verification": {
            "invoice_standard_result": _standard_result(invoice),
            "invoice_additional_result": _additional_result(invoice),
        },
    }


def recognition(invoice: Invoice) -> dict[str, Any]:
    """The `data` object: all values strings, "" for what is not printed."""
    style = invoice.recognition

    def money(amount: Decimal | None) -> str:
        return "" if amount is None else invoice.printed(amount)

    def stay(day: date | None) -> str:
        return "" if day is None else day.strftime(style.stay_date_format)

    figures = invoice.total if style.misread_figures is None else style.misread_figures
    data = {
        "Name": invoice.patient,
        "Sex": invoice.gender or "",
        "InsuranceType": invoice.insurance_type,
        "SocialSecurityNum": invoice.social_security_no or "",
        "Province": invoice.province,
        "HospitalType": invoice.hospital_type,
        "HospitalName": invoice.hospital,
        "ClinicNum": "" if invoice.inpatient else invoice.visit_no,
        "HospitalNum": invoice.visit_no if invoice.inpatient else "",
        "BusinessNum": invoice.business_no,
        "RecordNum": invoice.medical_record_no or "",
        "AdmissionDate": stay(invoice.admission_date),
        "DischargeDate": stay(invoice.discharge_date),
        "HospitalDay": "" if invoice.hospital_days is None else str(invoice.hospital_days),
        "InvoiceNum": invoice.note_no,
        "Payee": invoice.payee,
        "Date": invoice.billing_date.strftime(style.billing_date_format),
        "InvoiceType": "住院发票" if invoice.inpatient else "门诊发票",
        "ChargingUnit": invoice.hospital,
        "AmountInWords": in_words(invoice.total, invoice.yuan, invoice.whole),
        style.figures_key: money(figures),
        "RefundAmount": money(invoice.refund),
        "PrepayAmount": money(invoice.prepaid),
        "PersonalPayment": money(invoice.account),
        "InsurancePayment": money(invoice.fund),
        "PaymentAmount": money(invoice.supplementary),
        "CostCategories": [
            _cells(收费项目=name, 金额=money(amount)) for name, amount in invoice.categories if not style.without_table
        ],
        "CostDetail": [
            _cells(
                编码=detail.code or "",
                项目=detail.printed_name,
                规格=detail.specification or "",
                数量=str(detail.quantity),
                单价=str(detail.unit_price),
                金额=money(detail.amount),
            )
            for detail in invoice.details
            if not style.without_table
        ],
        "RegionSupplement": [
            {"name": name, "word": word if isinstance(word, str) else money(word)}
            for name, word in invoice.region_supplement
        ],
    }
    return data | {key: "" for key in style.unread}


def _cells(**words: str) -> list[dict[str, str]]:
    return [{"name": name, "word": word} for name, word in words.items()]


def _number(invoice: Invoice, value: Decimal | int | None) -> int | float | None:
    if value is None:
        return None
    whole = value == int(value) and not invoice.verification.floats
    return int(value) if whole else float(value)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _standard_result(invoice: Invoice) -> dict[str, Any]:
    style = invoice.verification
    result = {
        "province": invoice.region,
        "note_title": invoice.title,
        "type": 0 if style.unknown_kind else 2 if invoice.inpatient else 1,
        "note_no": invoice.note_no,
        "patient_name": invoice.patient,
        "patient_gender": {"男": 1, "女": 2, None: 0}[invoice.gender],
        "billing_date": _day(invoice.billing_date),
        "checksum": {"cost_categories": 1, "cost_detail_list": 1 if invoice.details else -1},
        "cost_categories": [
            {"name": name, "cost": _number(invoice, amount)} for name, amount in invoice.categories
        ],
        "cost_detail_list": [
            {
                "ocr_name": None,
                "cost": _number(invoice, detail.amount),
                "amount": _number(invoice, detail.quantity),
                "unit_price": _number(invoice, detail.unit_price),
                "spec": detail.specification,
                "unit": detail.unit,
                "medical_level": detail.level,
                "selfpay": _number(invoice, detail.self_pay),
                "medical_type": MEDICAL_TYPES[detail.kind],
                "class": detail.category,
                "item_coding": detail.code,
                "origin_ocr_name": detail.printed_name,
                "name": detail.catalogue_name,
            }
            for detail in invoice.details
        ],
        "hospital_name": invoice.hospital,
        "start_hospital_date": _day(invoice.admission_date),
        "end_hospital_date": _day(invoice.discharge_date),
        "hospital_days": _number(invoice, invoice.hospital_days),
        "total_cost": _number(invoice, invoice.total),
        "medical_insurance_type": invoice.insurance_type,
        "medical_organization_type": invoice.hospital_type,
        "service_serial_no": invoice.business_no,
        "social_security_card_no": invoice.social_security_no,
        "payments_info": [
            {"name": name, "cost": cost if isinstance(cost, str) else _number(invoice, cost)}
            for name, cost in invoice.payments
        ],
        "charging_units": invoice.hospital,
        "hospital_no": invoice.visit_no,
        "payee": invoice.payee,
        "reviewer": invoice.reviewer,
        "hospital_departments": invoice.department,
        "work_unit": invoice.work_unit,
        "payment_channel": invoice.payment_channel,
        "medical_insurance_no": invoice.insurance_no,
        "medical_card_no": invoice.medical_card_no,
        "check_code": invoice.check_code,
        "note_code": invoice.note_code,
        "medical_record_no": invoice.medical_record_no,
        "unified_social_credit_code": invoice.payer_credit_code,
        "treatment_date": _day(invoice.treatment_date),
        "invoice_party_code": invoice.invoice_party_code,
        "remark": invoice.remark,
        "img_status": style.standard_status,
    }
    if style.without_province:
        del result["province"]
    return _without_absent(result)


def _additional_result(invoice: Invoice) -> dict[str, Any]:
    reimbursements = [
        {
            "amt": in_figures(reimbursement.amount),
            "note_code": invoice.note_code,
            "note_no": invoice.note_no,
            "reimAgency": reimbursement.agency,
            "writeDate": _day(reimbursement.day),
        }
        for reimbursement in invoice.reimbursements
    ]
    nothing = None if invoice.verification.reimbursements_key else ABSENT
    return _without_absent({
        "note_code": invoice.note_code,
        "note_no": invoice.note_no,
        "query_last_date": invoice.last_queried,
        "query_num": invoice.query_count,
        "billing_date": _day(invoice.billing_date),
        "total_cost": _number(invoice, invoice.total),
        "check_code": invoice.check_code,
        "img_status": invoice.verification.additional_status,
        "reim_agency_list": reimbursements or nothing,
    })


def _without_absent(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not ABSENT}
