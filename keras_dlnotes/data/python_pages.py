"""The pages of Python's documentation that ship with every Python, each text once."""

import functools
import hashlib
from pydoc_data.topics import topics

TEST_COUNT, VALIDATION_COUNT = 16, 8
# Of validation and test pages; longer ones would be most of the text.
MOST_CHARACTERS = 20_000
# Paragraphs that are shorter, such as "Changed in version 3.8", may be on several pages.
LEAST_CHARACTERS = 40


@functools.cache
def split_pages() -> dict[str, dict[str, str]]:
    """Returns split → title → text.

    Some pages repeat parts of others. A paragraph stays on the first page, by title, that has it,
    so that no text of one split is in another; an empty page is left out.
    """
    pages = {}
    seen: set[str] = set()
    for title in sorted(topics):
        kept = []
        for paragraph in topics[title].split("\n\n"):
            words = " ".join(paragraph.split())
            if words not in seen:
                kept.append(paragraph)
            if len(words) >= LEAST_CHARACTERS:
                seen.add(words)
        if any(len(paragraph.strip()) >= LEAST_CHARACTERS for paragraph in kept):
            pages[title] = "\n\n".join(kept)

    short = [title for title in pages if len(pages[title]) < MOST_CHARACTERS]
    short.sort(key=lambda title: hashlib.sha256(title.encode()).hexdigest())
    test, validation = short[:TEST_COUNT], short[TEST_COUNT : TEST_COUNT + VALIDATION_COUNT]
    train = [title for title in pages if title not in {*test, *validation}]
    return {
        split: {title: pages[title] for title in sorted(titles)}
        for split, titles in (("train", train), ("validation", validation), ("test", test))
    }
