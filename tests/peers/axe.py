"""What axe-core finds wrong with a page for people who use a keyboard, a screen reader or large letters."""

from pathlib import Path

from playwright.sync_api import Page

_SCRIPT = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
#: WCAG 2.2 AA, and what axe-core's makers hold to be good practice besides.
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def found_wrong(page: Page) -> list[str]:
    """Each rule that is broken, and the first element that breaks it."""
    page.evaluate(_SCRIPT.read_text())
    answer = page.evaluate(
        "rules => axe.run(document, {resultTypes: ['violations'], runOnly: rules})", list(_RULES)
    )
    return [
        f"{each['id']} ({len(each['nodes'])}): {each['help']}: {each['nodes'][0]['html'][:200]}"
        for each in answer["violations"]
    ]
