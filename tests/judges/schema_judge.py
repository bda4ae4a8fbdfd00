"""Reads a folder of Apple's schema files and prints every fact in a line: file, path, name of the fact, value."""

import pathlib
import sys

import yaml

PROSE = {"title", "content"}
ELSEWHERE = {"key", "subkeys", "rangelist", "range", "repetition", "supportedOS", "presence", "subtype", "subkeytype"}


def word(value):
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


def fact(path, name, value):
    print(stem, path, name, word(value), sep="\t")


def systems(path, supported):
    for platform, facts in supported.items():
        fact(path, platform, "named")
        for name, value in facts.items():
            if isinstance(value, dict):
                for inner, innermost in value.items():
                    fact(path, f"{platform} {name} {inner}", innermost)
            else:
                fact(path, f"{platform} {name}", value)


def bounds(path, name, ends):
    for end, value in ends.items():
        fact(path, f"{name} {end}", float(value))


def keys(path, described, above):
    if id(described) in above:
        return fact(path, "below", f"as {above[id(described)]}")
    for place, key in enumerate(described):
        inner = f"{path}/{key['key']}"
        fact(inner, "place", place)
        facts(inner, key)
        if key.get("subkeys"):
            keys(inner, key["subkeys"], above | {id(described): path})


def facts(path, key):
    for name, value in key.items():
        if name == "type":
            fact(path, "kind", value.strip("<>"))
        elif name not in PROSE | ELSEWHERE:
            fact(path, name, value)
    for name in ("subtype", "subkeytype"):
        if name in key:
            fact(path, "subtype", key[name].strip("<>"))
    if key.get("presence") == "required":
        fact(path, "required", True)
    for place, value in enumerate(key.get("rangelist", [])):
        fact(path, f"value {place}", value)
    bounds(path, "range", key.get("range", {}))
    bounds(path, "count", key.get("repetition", {}))
    systems(path, key.get("supportedOS", {}))


for file in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    stem = file.stem
    described = yaml.safe_load(file.read_text(encoding="utf-8"))
    payload = described["payload"]
    fact("", "kind", payload["payloadtype"])
    systems("", payload.get("supportedOS", {}))
    keys("", described["payloadkeys"], {})
