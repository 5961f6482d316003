"""What MkDocs is told beside its settings."""

import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def on_page_content(content, **kwargs):
    """Formulas become MathML, which browsers draw without a script."""
    return FORMULA.sub(_mathml, content)


def _mathml(match):
    drawn = convert(html.unescape(match[1]).strip(), display="block")
    return f'<div class="formula" tabindex="0">{drawn}</div>'
