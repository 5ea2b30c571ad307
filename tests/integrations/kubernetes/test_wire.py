"""Bodies are written as an API server writes them."""

from integrations.kubernetes.wire import encoded


def test_strings_are_written_as_the_server_writes_them() -> None:
    assert (
        encoded([{"value": "a && b <c> \u2028\u2029"}]) == rb'[{"value":"a \u0026\u0026 b \u003cc\u003e \u2028\u2029"}]'
    )
    assert encoded("é😀") == '"é😀"'.encode()
    assert encoded('\\ " \n \x01') == rb'"\\ \" \n \u0001"'
    assert encoded({"a": 1, "b": None, "c": [True]}) == b'{"a":1,"b":null,"c":[true]}'
