"""From the bill on paper to the file somebody sends: exported, scanned, or photographed on a table."""

import random
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from .drawing import draw
from .truth import Invoice

SEED = 20260101
JPEG_QUALITY = 80
EXIF_ORIENTATION, TURN_RIGHT_TO_VIEW = 0x0112, 6


def save(invoice: Invoice, path: Path) -> tuple[int, int]:
    """Writes the picture, gives the stored width and height."""
    match invoice.look, invoice.extension:
        case "clean", "jpg":
            image = draw(invoice)
            image.save(path, quality=JPEG_QUALITY, optimize=True)
        case "print", "jpg":
            # As prepared for a printing press: CMYK.
            image = draw(invoice).convert("CMYK")
            image.save(path, quality=JPEG_QUALITY, optimize=True)
        case "clean", "png":
            image = draw(invoice)
            image.save(path, optimize=True)
        case "scan", "bmp":
            # Uncompressed: three quarters of the size, and grey, so that it stays small.
            image = _scan(draw(invoice, scale=0.75, qr_module=5))
            image.save(path)
        case "photo", "jpg":
            image = _photograph(draw(invoice)).transpose(Image.ROTATE_90)
            exif = Image.Exif()
            exif[EXIF_ORIENTATION] = TURN_RIGHT_TO_VIEW
            image.save(path, quality=JPEG_QUALITY, optimize=True, exif=exif)
        case _:
            raise ValueError(f"{invoice.stem}: no look {invoice.look} for {invoice.extension}")
    return image.size


def _scan(page: Image.Image) -> Image.Image:
    """Grey, a little askew, a little noisy."""
    grey = ImageOps.grayscale(page)
    askew = grey.rotate(-0.6, Image.BICUBIC, fillcolor=246)
    return _noisy(askew, strength=5)


def _photograph(page: Image.Image) -> Image.Image:
    size = (1480, 1080)
    corners = ((104, 80), (1390, 122), (1417, 990), (63, 955))  # of the paper: from top left, clockwise
    shadow = Image.new("L", size, 0)
    ImageDraw.Draw(shadow).polygon([(x + 12, y + 16) for x, y in corners], fill=150)
    shadow = shadow.filter(ImageFilter.GaussianBlur(14))

    picture = Image.composite(Image.new("RGB", size, (40, 26, 16)), _table(size), shadow)
    coefficients = _perspective(corners, page.size)
    flat = page.transform(size, Image.PERSPECTIVE, coefficients, Image.BICUBIC)
    mask = Image.new("L", page.size, 255).transform(size, Image.PERSPECTIVE, coefficients, Image.BICUBIC)
    picture.paste(flat, (0, 0), mask)

    picture = ImageChops.multiply(picture, _lamp_light(size))
    return _noisy(picture.filter(ImageFilter.GaussianBlur(0.6)), strength=6)


def _table(size: tuple[int, int]) -> Image.Image:
    """Wood: noise drawn out along the grain, over brown."""
    grain = _noise((24, size[1] // 3), SEED + 1).resize(size, Image.BICUBIC).filter(ImageFilter.GaussianBlur(1.5))
    return ImageOps.colorize(grain, black=(92, 62, 40), white=(148, 106, 72))


def _lamp_light(size: tuple[int, int]) -> Image.Image:
    """Warm and bright at the top left, dimmer to the bottom right, with the soft shadow of a hand."""
    width, height = size
    fall_off = Image.linear_gradient("L").rotate(35, Image.BICUBIC, expand=True).resize((width * 2, height * 2))
    fall_off = fall_off.crop((width // 2, height // 2, width // 2 + width, height // 2 + height))
    light = ImageOps.colorize(fall_off, black=(255, 250, 238), white=(196, 188, 176))
    hand = Image.new("L", size, 0)
    ImageDraw.Draw(hand).ellipse((width * 0.72, height * 0.55, width * 1.25, height * 1.3), fill=90)
    hand = hand.filter(ImageFilter.GaussianBlur(70))
    return Image.composite(Image.new("RGB", size, (120, 112, 104)), light, hand)


def _noisy(image: Image.Image, strength: int) -> Image.Image:
    noise = _noise(image.size, SEED).point(lambda value: round(128 + (value - 128) * strength / 128))
    if image.mode == "RGB":
        noise = Image.merge("RGB", (noise,) * 3)
    return ImageChops.add(image, noise, offset=-128)


def _noise(size: tuple[int, int], seed: int) -> Image.Image:
    return Image.frombytes("L", size, random.Random(seed).randbytes(size[0] * size[1]))


def _perspective(corners, page_size) -> list[float]:
    """The eight coefficients by which Pillow finds, for a pixel of the picture, the one of the page."""
    width, height = page_size
    equations = []
    for (x, y), (u, v) in zip(corners, ((0, 0), (width, 0), (width, height), (0, height))):
        equations.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        equations.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    return _solve(equations)


def _solve(rows: list[list[float]]) -> list[float]:
    """Gauss–Jordan elimination; each row ends in its right-hand side."""
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for row in range(size):
            if row != column:
                factor = rows[row][column]
                rows[row] = [value - factor * other for value, other in zip(rows[row], rows[column])]
    return [row[-1] for row in rows]
