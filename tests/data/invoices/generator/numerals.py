"""Amounts as Chinese bills print them: 大写 financial numerals and plain figures."""

from decimal import Decimal

DIGITS = "零壹贰叁肆伍陆柒捌玖"
CENT = Decimal("0.01")


def in_words(amount: Decimal, yuan: str = "元", whole: str = "整") -> str:
    """939.48 is 玖佰叁拾玖元肆角捌分, 207 is 贰佰零柒元整, 10300.05 is 壹万零叁佰元零伍分."""
    if amount < 0 or amount >= 10**8 or amount != amount.quantize(CENT):
        raise ValueError(f"{amount} is no amount of a bill")
    cents = int(amount * 100)
    integral, jiao, fen = cents // 100, cents // 10 % 10, cents % 10
    words = _integral_in_words(integral) + yuan
    if jiao:
        words += DIGITS[jiao] + "角"
    elif fen:
        words += "零"
    return words + (DIGITS[fen] + "分" if fen else "" if jiao else whole)


def _integral_in_words(number: int) -> str:
    high, low = divmod(number, 10_000)
    if not high:
        return _group_in_words(low) or "零"
    gap = "零" if 0 < low < 1_000 else ""
    return _group_in_words(high) + "万" + gap + _group_in_words(low)


def _group_in_words(number: int) -> str:
    """Up to four digits; one 零 stands for any run of zeros inside, none for those at the end."""
    words, gap = "", False
    for place, unit in ((1_000, "仟"), (100, "佰"), (10, "拾"), (1, "")):
        digit = number // place % 10
        if digit:
            words += ("零" if gap and words else "") + DIGITS[digit] + unit
        gap = not digit
    return words


def in_figures(amount: Decimal, thousands: bool = False) -> str:
    return f"{amount:,.2f}" if thousands else f"{amount:.2f}"
