"""The part of JSON Schema that src/admin/openapi.json uses: complains() yields what a value has wrong."""
import re

TYPES = {"object": dict, "array": list, "string": str, "null": type(None)}
FORMATS = {"date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"}
KNOWN = {"$ref", "type", "enum", "oneOf", "properties", "required", "additionalProperties", "items", "description", "format",
         "maxLength", "maxItems", "minimum", "maximum", "default"}


def _is(value, kind):
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])


def _members(schema, value, root, where):
    for name in schema.get("required", ()):
        if name not in value:
            yield "%s lacks %s" % (where, name)
    for name, member in value.items():
        known = schema.get("properties", {}).get(name)
        if known is not None:
            yield from complaints(known, member, root, where + "." + name)
        elif schema.get("additionalProperties") is False:
            yield "%s has %s, which the schema does not know" % (where, name)


def complaints(schema, value, root, where="$"):
    unknown = set(schema) - KNOWN
    if unknown:
        yield "%s: this validator does not know %s" % (where, unknown)
    if "$ref" in schema:
        target = root
        for name in schema["$ref"][2:].split("/"):
            target = target[name]
        yield from complaints(target, value, root, where)
        return
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield "%s is %r, wanted %s" % (where, value, kinds)
        return
    if "enum" in schema and value not in schema["enum"]:
        yield "%s is %r, none of %s" % (where, value, schema["enum"])
    if "oneOf" in schema and sum(not list(complaints(one, value, root, where)) for one in schema["oneOf"]) != 1:
        yield "%s is %r, which fits none or several of oneOf" % (where, value)
    if isinstance(value, str) and schema.get("format") and not re.fullmatch(FORMATS[schema["format"]], value):
        yield "%s is %r, no %s" % (where, value, schema["format"])
    if isinstance(value, (int, float)) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield "%s is %r, out of range" % (where, value)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from complaints(schema.get("items", {}), item, root, "%s[%d]" % (where, index))
    if isinstance(value, dict):
        yield from _members(schema, value, root, where)
