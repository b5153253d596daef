"""Fills the templates of pages; everything from files is data in them, never markup."""

import importlib.resources
import json
from typing import Any

from indexed_imagenet.errors import UserError

_NEEDS_SHOW = (
    'pages need jinja2 and matplotlib; install them: pip install '
    "'indexed-imagenet[show]', in a checkout: .venv/bin/pip install -e '.[show]'"
)


def template_text(name: str) -> str:
    """Returns the text of a file in ``templates/``."""
    folder = importlib.resources.files('indexed_imagenet.pages') / 'templates'
    return (folder / name).read_text('utf-8')


def script_json(value: Any) -> str:
    """Returns JSON that may stand in a script element, whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=True, separators=(',', ':'), allow_nan=False)
    # An HTML parser ends a script at "</script" and may open a comment at "<!--".
    return text.replace('<', '\\u003c')


def check_installed() -> None:
    """Checks that the extra is there, before any work starts.

    Raises:
      UserError: it is not.
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError(_NEEDS_SHOW) from error


def render(name: str, **values: Any) -> str:
    """Returns a page.

    Args:
      name: of the template.
      values: text is escaped; give ``Markup`` for parts that are safe as they are.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(**values)
