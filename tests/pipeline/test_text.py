import doctest

from indexed_imagenet import text


def test_text_docstring_examples_hold():
    result = doctest.testmod(text)
    assert result.attempted > 0
    assert result.failed == 0


def test_printable_control_characters_are_escaped():
    assert text.printable('a\n\x1b[31mb') == 'a\\n\\x1b[31mb'
    assert text.printable('ÿé') == 'ÿé'
    assert text.printable('é'.encode() + b'\xff') == 'é\\xff'
    assert text.printable(memoryview(b'a')) == 'a'


def test_first_of_no_more_cases_than_shown_adds_nothing():
    assert text.first_of([]) == ''
    assert text.first_of([3, 1]) == '3, 1'
    assert text.first_of(range(5)) == '0, 1, 2, 3, 4'


def test_first_of_more_cases_than_shown_counts_the_others():
    assert text.first_of(range(7)) == '0, 1, 2, 3, 4 and 2 more'
    assert text.first_of(['a', 'b'], count=3) == 'a, b and 1 more'


def test_counted_only_one_is_singular():
    assert [text.counted(n, 'shard') for n in (0, 1, 2)] == [
        '0 shards',
        '1 shard',
        '2 shards',
    ]


def test_error_text_is_one_line():
    assert text.error_text(ValueError('two\n  lines')) == 'two lines'
    assert text.error_text(ValueError()) == 'ValueError'
