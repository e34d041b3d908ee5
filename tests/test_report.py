import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from lineament.report import (
    COLOURS,
    Bar,
    Page,
    Row,
    Section,
    draw_boxes,
    draw_timeline,
    picture_html,
    table_html,
    write_page,
)

NASTY = "<script>alert('1') & \"2\"</script>"


def bars_of(svg):
    rects = ElementTree.fromstring(svg).findall(".//{http://www.w3.org/2000/svg}rect")
    return [(float(rect.get("x")), float(rect.get("width"))) for rect in rects]


def test_a_timeline_is_valid_and_to_scale():
    svg = draw_timeline([Row("talk", (Bar(0.0, 1.0), Bar(2.0, 4.0)))], 4.0)
    (x0, w0), (x1, w1) = bars_of(svg)
    assert w1 == pytest.approx(2 * w0, abs=0.2)
    assert x1 - x0 == pytest.approx(2 * w0, abs=0.2)
    assert x1 + w1 <= 960


def test_a_moment_can_be_seen_on_a_long_timeline():
    [(_, width)] = bars_of(draw_timeline([Row("blink", (Bar(100.0, 100.1),))], 7200.0))
    assert width >= 2


@pytest.mark.parametrize("duration", [0.0, 0.04, 0.9, 1.0, 33.0, 600.0, 6 * 3600.0])
def test_a_timeline_has_a_few_ticks_whatever_its_length(duration):
    svg = draw_timeline([], duration)
    ElementTree.fromstring(svg)
    assert 1 <= svg.count('class="tick"') <= 12


def test_labels_are_escaped():
    svg = draw_timeline([Row(NASTY, (Bar(0, 1, NASTY),), note=NASTY)], 1.0)
    ElementTree.fromstring(svg)
    assert "<script>" not in svg + table_html([NASTY], [[NASTY, 3]])


def test_groups_beyond_the_colours_begin_again():
    rows = [Row(str(n), (Bar(0, 1),), group=n) for n in range(len(COLOURS) + 1)]
    assert draw_timeline(rows, 1.0).count(COLOURS[0]) == 2


def test_boxes_are_drawn_on_a_copy(make_pattern):
    pixels = make_pattern(0)
    before = pixels.copy()
    drawn = draw_boxes(
        pixels, [((20.0, 30.0, 90.0, 80.0), "face 0", 0), ((-9, -9, 400, 300), "", 1)]
    )
    assert np.array_equal(pixels, before)
    assert drawn.shape == pixels.shape
    assert not np.array_equal(drawn[30, 20:90], pixels[30, 20:90])


def test_a_picture_is_shrunk_never_enlarged(make_pattern):
    large = picture_html(make_pattern(0, 600, 1000), "1.00 s", max_side_px=200)
    assert 'width="200" height="120"' in large
    assert 'width="160" height="96"' in picture_html(make_pattern(0), NASTY)
    assert "<script>" not in picture_html(make_pattern(0), NASTY)


def test_a_page_stands_alone(tmp_path, make_pattern):
    page = Page(title=NASTY, lead=NASTY)
    page.sections.append(Section(NASTY, picture_html(make_pattern(0), "a frame")))
    path = write_page(tmp_path / "deep" / "index.html", page)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "alert" in text
    assert not re.search(r'(src|href)\s*=\s*"(?!data:)', text)
    assert "@import" not in text
    assert "url(" not in text
