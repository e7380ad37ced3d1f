"""What an answer looks like as HTML."""

import threading

import pytest
from django.utils.safestring import SafeString

from conversations.rendering.markdown import RENDERER_VERSION, render
from tests.rendering.corpus import answers


def test_the_result_needs_no_escaping_in_a_template() -> None:
    assert isinstance(render("a"), SafeString)


def test_the_version_names_what_the_html_depends_on() -> None:
    assert RENDERER_VERSION.startswith("1-4.3.0-")


def test_a_code_block_has_its_language_and_buttons() -> None:
    html = render("```Python title.py\nx\n```\n")

    assert html.startswith(
        '<figure class="code"><figcaption><span class="code-language">python</span><button type="button"'
    )
    assert html.endswith('<pre tabindex="0"><code class="language-python">x\n</code></pre></figure>\n')


def test_an_indented_code_block_is_a_code_block() -> None:
    assert '<span class="code-language"></span>' in render("    x < y\n")


def test_a_table_can_scroll_and_is_aligned_by_class() -> None:
    html = render("| a | b |\n|---|--:|\n| 1 | 2 |\n")

    assert html.startswith('<div class="table-scroll" role="region" aria-label="Table" tabindex="0"><table>\n<thead>')
    assert '<th scope="col" class="align-right">b</th>' in html
    assert html.endswith('<td class="align-right">2</td>\n</tr>\n</tbody>\n</table></div>\n')


def test_tasks_and_alerts() -> None:
    assert '<input class="task-list-item-checkbox" disabled="" type="checkbox" checked=""> b' in render("- [x] b\n")
    assert '<p class="markdown-alert-title">Warning</p>' in render("> [!WARNING]\n> hot\n")


def test_only_two_tildes_strike_through() -> None:
    assert render("20~25 and 30~35, ~~40~~") == "<p>20~25 and 30~35, <s>40</s></p>\n"


@pytest.mark.parametrize("text", ["README.md", "main.py", "example.org", "//example.org", "1.2.3.4"])
def test_bare_text_that_is_no_link(text: str) -> None:
    assert "<a" not in render(f"see {text} for more")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.org/a_(b)", "https://example.org/a_(b)"),
        ("www.example.org", "http://www.example.org"),
        ("me@example.org", "mailto:me@example.org"),
    ],
)
def test_bare_text_that_is_a_link(text: str, url: str) -> None:
    assert f'<a href="{url}" target="_blank"' in render(f"see {text} for more")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**“测试”**句子", "<strong>“测试”</strong>句子"),
        ("这是**“重要”**的", "这是<strong>“重要”</strong>的"),
        ("**강조(強調)**입니다", "<strong>강조(強調)</strong>입니다"),
        ("これは**「強調」**です。", "これは<strong>「強調」</strong>です。"),
        ("~~（旧）~~新", "<s>（旧）</s>新"),
        ("*“斜”*体", "<em>“斜”</em>体"),
        ("词 ** 词 ** 词", "词 ** 词 ** 词"),
        ('a**"b"**c', "a**&quot;b&quot;**c"),
        ("中文_名称_中文", "中文_名称_中文"),
        ("👍**(ok)**", "👍<strong>(ok)</strong>"),
    ],
)
def test_emphasis_beside_chinese_japanese_and_korean(text: str, html: str) -> None:
    assert render(text) == f"<p>{html}</p>\n"


def test_threads_may_render_at_the_same_time() -> None:
    expected = [render(answer) for answer in answers()]
    seen: list[list[SafeString]] = []
    threads = [threading.Thread(target=lambda: seen.append([*map(render, answers())])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [expected] * 4


def test_a_link_or_an_image_without_a_target_leads_nowhere() -> None:
    assert render("[a]() ![b]()") == (
        '<p><a>a</a> <span class="image-blocked"><span class="image-alt">b</span> <small></small></span></p>\n'
    )


def test_an_empty_text_is_empty() -> None:
    assert render("") == render(" \n\n") == ""


@pytest.mark.parametrize("opening", ["- ", "> ", "1. ", "- > "])
@pytest.mark.parametrize("depth", [10, 21, 45, 200, 500])
def test_however_deep_it_is_nested_no_text_is_lost(opening: str, depth: int) -> None:
    html = render(opening * depth + "very deep\n\nafter it")

    assert "very deep" in html
    assert "after it" in html
