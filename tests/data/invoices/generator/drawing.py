"""The bill on paper: header with QR code, table of items, other information, seals."""

import math
from functools import cache

import qrcode
from PIL import Image, ImageChops, ImageDraw, ImageFont

from .numerals import in_words
from .truth import Invoice

SERIF = "/usr/share/fonts/opentype/noto/NotoSerifCJK-{}.ttc"
SERIF_SC = 2  # the face for simplified Chinese in the collection

WIDTH, LEAST_HEIGHT, MARGIN = 1200, 780, 30
TABLE_TOP, ROW, LEAST_ROWS, FOOTER = 268, 26, 8, 104
INK = {"teal": (38, 120, 128), "brown": (140, 84, 44)}
PRINT = (30, 30, 36)
SEAL_RED = (205, 40, 40)
PAPER = (254, 254, 251)
WHITE = (255, 255, 255)


@cache
def font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(SERIF.format("Bold" if bold else "Regular"), size, index=SERIF_SC)


class Sheet:
    """A page in units of the full-size bill, whatever the pixels."""

    def __init__(self, height: int, scale: float):
        self.scale = scale
        self.image = Image.new("RGB", (self.pixels(WIDTH), self.pixels(height)), PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def pixels(self, length: float) -> int:
        return round(length * self.scale)

    def text(self, x, y, text, size=16, color=PRINT, anchor="lm", bold=False, room=None):
        """Set smaller, down to 9, where `room` is too narrow."""
        while room is not None and size > 9 and self.width_of(text, size, bold) > room:
            size -= 1
        position = (self.pixels(x), self.pixels(y))
        self.draw.text(position, text, fill=color, font=font(self.pixels(size), bold), anchor=anchor)

    def width_of(self, text, size=16, bold=False) -> float:
        return font(self.pixels(size), bold).getlength(text) / self.scale

    def line(self, x0, y0, x1, y1, color, width=1.5):
        ends = [self.pixels(value) for value in (x0, y0, x1, y1)]
        self.draw.line(ends, fill=color, width=max(1, self.pixels(width)))

    def stamp(self, center, seal: Image.Image):
        """Multiplies, as red ink lets the print show through."""
        seal = seal.resize((self.pixels(seal.width / SEAL_DETAIL), self.pixels(seal.height / SEAL_DETAIL)), Image.LANCZOS)
        corner = (self.pixels(center[0]) - seal.width // 2, self.pixels(center[1]) - seal.height // 2)
        layer = Image.new("RGB", self.image.size, WHITE)
        layer.paste(seal, corner)
        self.image.paste(ImageChops.multiply(self.image, layer))


def draw(invoice: Invoice, scale: float = 1.0, qr_module: int = 6) -> Image.Image:
    rows = _table_rows(invoice)
    rows_per_half = max(LEAST_ROWS, math.ceil(len(rows) / 2))
    totals_top = TABLE_TOP + 30 + rows_per_half * ROW
    other_top = totals_top + 36

    lines = _other_lines(Sheet(1, scale), invoice)
    other_height = max(len(lines) * 23 + 16, LEAST_HEIGHT - FOOTER - other_top)
    bottom = other_top + other_height

    sheet = Sheet(bottom + FOOTER, scale)
    ink = INK[invoice.ink]
    _header(sheet, invoice, ink, qr_module)
    _frame(sheet, ink, totals_top, other_top, bottom)
    _table(sheet, rows, rows_per_half, ink)
    _totals(sheet, invoice, ink, totals_top)
    _other_information(sheet, lines, ink, other_top, bottom)
    _footer(sheet, invoice, ink, bottom)
    return sheet.image


def _header(sheet: Sheet, invoice: Invoice, ink, qr_module: int):
    code = _qr_code(invoice, qr_module)
    sheet.image.paste(code, (sheet.pixels(14), sheet.pixels(8)))

    middle = 650
    sheet.stamp((middle, 69), supervising_seal(invoice.region))
    sheet.text(middle, 70, invoice.title, size=33, color=ink, anchor="mm", bold=True)
    half = sheet.width_of(invoice.title, 33, True) / 2 + 12
    sheet.line(middle - half, 100, middle + half, 100, ink)
    sheet.line(middle - half, 105, middle + half, 105, ink)

    left = (
        ("票据代码：", invoice.note_code),
        ("交款人统一社会信用代码：", invoice.payer_credit_code or ""),
        ("交款人：", invoice.patient),
    )
    right = (
        ("票据号码：", invoice.note_no),
        ("校验码：", invoice.check_code),
        ("开票日期：", f"{invoice.billing_date:%Y-%m-%d}"),
    )
    for x, column in ((282, left), (870, right)):
        for index, (label, value) in enumerate(column):
            _labelled(sheet, x, 154 + index * 38, label, value, 18, ink)


def _labelled(sheet: Sheet, x, y, label, value, size, ink):
    sheet.text(x, y, label, size, ink)
    sheet.text(x + sheet.width_of(label, size), y, value, size)


def _qr_code(invoice: Invoice, module: int) -> Image.Image:
    correction = qrcode.constants.ERROR_CORRECT_M
    code = qrcode.QRCode(error_correction=correction, box_size=module, border=4, mask_pattern=invoice.qr_mask)
    code.add_data(invoice.qr_text, optimize=0)
    code.make()
    return code.make_image().get_image().convert("RGB")


def _frame(sheet: Sheet, ink, totals_top, other_top, bottom):
    left, right, middle = MARGIN, WIDTH - MARGIN, WIDTH / 2
    for y in (TABLE_TOP, TABLE_TOP + 30, totals_top, other_top, bottom):
        sheet.line(left, y, right, y, ink)
    for x in (left, right):
        sheet.line(x, TABLE_TOP, x, bottom, ink)
    sheet.line(middle, TABLE_TOP, middle, totals_top, ink)


def _table_rows(invoice: Invoice) -> list[tuple[str, str, str, str, bool]]:
    """Name, quantity and unit, amount, remark; each category, then its details."""
    rows = []
    for category, amount in invoice.categories:
        rows.append((category, "", invoice.printed(amount), "", True))
        for detail in invoice.details:
            if detail.category == category:
                specification = f"({detail.specification})" if detail.specification else ""
                remark = {None: "", "甲": "甲类", "乙": "乙类", "丙": "自费"}[detail.level]
                if detail.self_pay:
                    remark += f" 自付{invoice.printed(detail.self_pay)}"
                name = f"　{detail.printed_name}{specification}"
                rows.append((name, f"{detail.quantity}/{detail.unit}", invoice.printed(detail.amount), remark, False))
    return rows


def _table(sheet: Sheet, rows, rows_per_half: int, ink):
    for half, start in enumerate((MARGIN, WIDTH / 2)):
        edges = [start + offset for offset in (0, 262, 362, 456, 570)]
        for edge in edges[1:-1]:
            sheet.line(edge, TABLE_TOP, edge, TABLE_TOP + 30 + rows_per_half * ROW, ink, 1)
        for left, right, heading in zip(edges, edges[1:], ("项目名称", "数量/单位", "金额（元）", "备注")):
            sheet.text((left + right) / 2, TABLE_TOP + 15, heading, 16, ink, "mm")
        for index, row in enumerate(rows[half * rows_per_half:][:rows_per_half]):
            name, quantity, amount, remark, bold = row
            y = TABLE_TOP + 30 + index * ROW + ROW / 2
            sheet.text(edges[0] + 8, y, name, 15, bold=bold, room=250)
            sheet.text((edges[1] + edges[2]) / 2, y, quantity, 15, anchor="mm", room=90)
            sheet.text(edges[3] - 8, y, amount, 15, anchor="rm", bold=bold)
            sheet.text(edges[3] + 6, y, remark, 13, room=104)


def _totals(sheet: Sheet, invoice: Invoice, ink, top):
    y = top + 18
    words = in_words(invoice.total, invoice.yuan, invoice.whole)
    _labelled(sheet, MARGIN + 8, y, "金额合计（大写）：", words, 18, ink)
    sheet.text(720, y, "（小写）：", 18, ink)
    sheet.text(806, y, "￥", 18)
    sheet.text(836, y, invoice.printed(invoice.total), 18)
    if invoice.recognition.misread_figures is not None:
        _pen_stroke(sheet, 830, y)


def _pen_stroke(sheet: Sheet, x, y):
    """A slip of the pen that a machine takes for a 1."""
    sheet.line(x + 0.5, y - 7, x, y + 8, (45, 45, 60), 2.2)
    sheet.line(x + 0.5, y - 7, x - 3, y - 4, (45, 45, 60), 1.6)


def _other_lines(sheet: Sheet, invoice: Invoice) -> list[list[tuple[float, str, str]]]:
    """其他信息 in four columns; what is too wide for one takes the next as well."""
    column, size = (WIDTH - 2 * MARGIN - 60) / 4, 15
    lines, at = [[]], 0
    for label, value in _other_pairs(invoice):
        needed = max(1, math.ceil((sheet.width_of(label + "：" + value, size) + 14) / column))
        if at + needed > 4:
            lines.append([])
            at = 0
        lines[-1].append((MARGIN + 60 + at * column, label + "：", value))
        at += needed
    return lines


def _other_pairs(invoice: Invoice) -> list[tuple[str, str]]:
    def text(value):
        return value if isinstance(value, str) else invoice.printed(value)

    stay = invoice.inpatient and f"{invoice.admission_date:%Y-%m-%d}至{invoice.discharge_date:%Y-%m-%d}"
    pairs = [
        ("业务流水号", invoice.business_no),
        ("住院号" if invoice.inpatient else "门诊号", invoice.visit_no),
        ("病历号", invoice.medical_record_no),
        ("住院时间", stay or None),
        ("住院天数", invoice.hospital_days and f"{invoice.hospital_days}天"),
        ("就诊日期", invoice.treatment_date and f"{invoice.treatment_date:%Y-%m-%d}"),
        ("住院科别" if invoice.inpatient else "科室", invoice.department),
        ("医疗机构类型", invoice.hospital_type),
        ("性别", invoice.gender),
        ("医保类型", invoice.insurance_type),
        ("医保编号", invoice.insurance_no),
        ("社会保障号码", invoice.social_security_no),
        ("就诊卡号", invoice.medical_card_no),
        ("工作单位", invoice.work_unit),
    ]
    paid = {name: text(cost) for name, cost in invoice.payments}
    paid |= {name: text(word) for name, word in invoice.region_supplement}
    return [(name, value) for name, value in pairs if value] + list(paid.items())


def _other_information(sheet: Sheet, lines, ink, top, bottom):
    sheet.line(MARGIN + 46, top, MARGIN + 46, bottom, ink)
    middle = (top + bottom) / 2
    for index, character in enumerate("其他信息"):
        sheet.text(MARGIN + 23, middle + (index - 1.5) * 24, character, 18, ink, "mm")
    for index, line in enumerate(lines):
        for x, label, value in line:
            _labelled(sheet, x, top + 20 + index * 23, label, value, 15, ink)


def _footer(sheet: Sheet, invoice: Invoice, ink, bottom):
    y = bottom + 40
    _labelled(sheet, MARGIN + 8, y, "收款单位（章）：", invoice.hospital, 18, ink)
    _labelled(sheet, 640, y, "复核人：", invoice.reviewer, 18, ink)
    _labelled(sheet, 900, y, "收款人：", invoice.payee, 18, ink)
    sheet.text(850, bottom + 84, "样张：内容均为虚构，仅供软件测试，不作报销凭证", 13, (150, 150, 150), "mm")
    sheet.stamp((500, bottom + 51), charging_seal(invoice.hospital))


SEAL_DETAIL = 3  # seals are drawn so many times larger


def supervising_seal(region: str) -> Image.Image:
    seal = _ellipse(180, 118)
    _along_arc(seal, "全国财政电子票据监制章", 14, (76, 47), 168, 372)
    _middle(seal, 33, region, 12)
    _middle(seal, 93, "样张专用", 13)
    return seal


def charging_seal(hospital: str) -> Image.Image:
    seal = _ellipse(108, 108)
    _along_arc(seal, hospital, 12, (42, 42), 165, 375)
    _middle(seal, 55, "★", 28)
    _middle(seal, 84, "收费专用章", 11)
    return seal


def _ellipse(width: int, height: int) -> Image.Image:
    seal = Image.new("RGB", (width * SEAL_DETAIL, height * SEAL_DETAIL), WHITE)
    box = (4, 4, seal.width - 5, seal.height - 5)
    ImageDraw.Draw(seal).ellipse(box, outline=SEAL_RED, width=3 * SEAL_DETAIL)
    return seal


def _middle(seal: Image.Image, y, text, size):
    position = (seal.width // 2, y * SEAL_DETAIL)
    ImageDraw.Draw(seal).text(position, text, fill=SEAL_RED, font=font(size * SEAL_DETAIL, True), anchor="mm")


def _along_arc(seal: Image.Image, text, size, radii, start, end):
    """Characters at equal angles of the ellipse, each upright to it; degrees run clockwise from three o'clock."""
    across, down = (radius * SEAL_DETAIL for radius in radii)
    for index, character in enumerate(text):
        angle = math.radians(start + (end - start) * (index + 0.5) / len(text))
        outward = math.atan2(math.sin(angle) / down, math.cos(angle) / across)
        box = size * SEAL_DETAIL * 2
        tile = Image.new("L", (box, box), 0)
        ImageDraw.Draw(tile).text((box / 2, box / 2), character, fill=255, font=font(size * SEAL_DETAIL, True), anchor="mm")
        tile = tile.rotate(-math.degrees(outward) - 90, Image.BICUBIC)
        x = seal.width / 2 + across * math.cos(angle) - box / 2
        y = seal.height / 2 + down * math.sin(angle) - box / 2
        seal.paste(SEAL_RED, (round(x), round(y)), tile)
