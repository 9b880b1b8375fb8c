"""Letters and results as patients photograph them, drawn here: text on paper, tilted, blurred, badly lit, squeezed.

Every person, place and figure in them is made up. Needs a Chinese font; knows nothing of reading.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import reportlab
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PAPER = (1654, 2339)  # A4 at 200 dpi
PHOTO = (3024, 4032)  # a telephone's 12 megapixels
LATIN_FONT = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"  # comes with the package, so on every machine

ENGLISH = [
    """Riverside Hospital, Department of Cardiology
Dear Dr Patel,
I saw Mrs Jane Smith, born 14/03/1957, in clinic on 2 November 2026.
Diagnoses: atrial fibrillation, type 2 diabetes.
Medication: apixaban 5 mg twice a day, metformin 500 mg twice a day.
Blood pressure 148/86 mmHg, pulse 92 per minute, irregular.
Please check her kidney function again in three months.
Yours sincerely, Dr R. Jones""",
    """LABORATORY REPORT
Haemoglobin 112 g/L (120 - 160)
White cells 7.4 x 10^9/L (4.0 - 11.0)
Platelets 268 x 10^9/L (150 - 400)
Ferritin 9 ug/L (15 - 150)
HbA1c 58 mmol/mol (below 42)
Creatinine 96 umol/L (45 - 84)
TSH 2.1 mU/L (0.4 - 4.0)""",
    """Discharge summary
Admitted with breathlessness and a cough for five days.
Chest X-ray: shadowing at the right base.
Treated with amoxicillin 500 mg three times a day for seven days.
Oxygen saturation on leaving 96 % on air.
Repeat the chest X-ray in six weeks.
Return if breathing gets worse or a fever comes back.""",
    """Paracetamol 500 mg tablets
Take two tablets up to four times a day when needed.
Leave at least four hours between doses.
Do not take more than eight tablets in 24 hours.
Keep out of the reach of children.
Use before: 06 2028""",
    """Appointment letter
Your appointment at the eye clinic is on Tuesday 8 December at 10:40.
Please bring your glasses and a list of your medicines.
Your pupils may be widened, so do not drive afterwards.
To change the date, call the clinic at least two days before.""",
]
CHINESE = [
    """市第一人民医院 心内科
患者：王秀英 女 69岁
就诊日期：2026年11月2日
主诉：反复心悸三个月，加重一周。
诊断：心房颤动；2型糖尿病；高血压。
用药：阿哌沙班5毫克，每日两次；二甲双胍500毫克，每日两次。
血压：148/86 mmHg，心率：92次/分，律不齐。
建议：三个月后复查肾功能，如有胸痛请立即就诊。""",
    """检验报告单
血红蛋白 112 g/L 参考值 115-150
白细胞 7.4 参考值 3.5-9.5
血小板 268 参考值 125-350
铁蛋白 9 ug/L 参考值 13-150
糖化血红蛋白 7.5 % 参考值 4.0-6.0
肌酐 96 umol/L 参考值 41-73""",
    """出院小结
因咳嗽、气短五天入院。
胸部X线：右下肺斑片影。
予阿莫西林500毫克，每日三次，共七天。
出院时血氧饱和度96%。
六周后复查胸片。
如呼吸困难加重或再次发热，请及时就诊。""",
    """对乙酰氨基酚片 0.5克
口服，一次1片，需要时服用。
两次用药至少间隔四小时。
24小时内不得超过四次。
请置于儿童不易拿到的地方。
有效期至2028年6月""",
    """复诊通知
您的眼科门诊时间为12月8日星期二上午10点40分。
请带好眼镜和正在服用的药物清单。
检查可能需要散瞳，之后请不要开车。
如需改期，请至少提前两天致电门诊。""",
]


@dataclass(frozen=True, slots=True)
class Look:
    """How a photo came out."""

    name: str
    tilt: float = 0.0  # degrees
    blur: float = 0.0  # pixels of a 12-megapixel photo
    quality: int = 90
    shade: float = 0.0  # how much darker the far corner is


LOOKS = [
    Look("straight"),
    Look("tilted 3°", tilt=3),
    Look("blurred", blur=3),
    Look("JPEG 60", quality=60),
    Look("all of it", tilt=3, blur=3, quality=60, shade=0.45),
]


def photo(text: str, font: Path, look: Look) -> bytes:
    """A JPEG of ``text`` on a sheet that lies on a table."""
    sheet = Image.new("RGB", PAPER, (247, 245, 240))
    write(ImageDraw.Draw(sheet), text, ImageFont.truetype(str(font), 34))
    table = Image.new("RGB", PHOTO, (118, 96, 74))
    scale = 0.9 * PHOTO[0] / PAPER[0]
    large = sheet.resize((round(PAPER[0] * scale), round(PAPER[1] * scale)))
    table.paste(large, ((PHOTO[0] - large.width) // 2, (PHOTO[1] - large.height) // 2))
    if look.tilt:
        table = table.rotate(look.tilt, Image.Resampling.BICUBIC, fillcolor=(118, 96, 74))
    if look.blur:
        table = table.filter(ImageFilter.GaussianBlur(look.blur))
    out = io.BytesIO()
    _shaded(table, look.shade).save(out, "JPEG", quality=look.quality)
    return out.getvalue()


def write(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont) -> None:
    """The lines, from the top left, broken nowhere."""
    for number, line in enumerate(text.splitlines()):
        draw.text((110, 160 + number * 74), line, fill=(32, 32, 40), font=font)


def _shaded(picture: Image.Image, depth: float) -> Image.Image:
    if not depth:
        return picture
    light = np.linspace(1.0, 1.0 - depth, picture.width)[None, :, None]
    return Image.fromarray((np.asarray(picture) * light).astype("uint8"))


def error_share(read: str, true: str) -> float:
    """Changes of single characters that make ``read`` of ``true``, for each of its characters; spaces do not count."""
    a, b = "".join(read.split()), "".join(true.split())
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1] / max(1, len(b))
