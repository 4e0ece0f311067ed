"""The stable link."""

from exchange.record.link import viewer_link


def test_the_link_names_the_study_and_nothing_else() -> None:
    link = "https://pacs.example/IHEInvokeImageDisplay?requestType=STUDY&studyUID=1.2.3"
    assert (
        viewer_link("https://pacs.example/", "1.2.3") == viewer_link("https://pacs.example", "1.2.3") == link
    )


def test_there_is_no_link_where_nobody_knows_our_address() -> None:
    assert viewer_link("", "1.2.3") == ""
