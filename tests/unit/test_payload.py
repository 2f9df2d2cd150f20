from picloud.inbound.payload import payload_fields


def test_every_field_of_the_schema_is_explained() -> None:
    fields = {each.name: each for each in payload_fields()}
    assert [name for name, each in fields.items() if each.required and "." not in name] == ["from", "to"]
    assert fields["subject"].type == "string or null up to 9,980"
    assert fields["to"].type == "array of string up to 998, at most 200"
    assert fields["headers"].type == "array of array of string up to 65,536, at most 500"
    assert fields["message_id"].type == "string or null up to 998"
    assert fields["attachments[].disposition"].type == "attachment or inline or null"
    assert fields["attachments[].content_type"].required
    assert all(each.description for each in fields.values())
