"""Verifies an export of the audit by docs/audit.md, from three files: records, checkpoints, public key in PEM."""

import json
import sys
from hashlib import sha256
from struct import pack

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

def read(path):
    lines = open(path, encoding="utf-8", newline="\n").readlines()
    assert all(canonical(json.loads(line)) + "\n" == line for line in lines), f"{path}: not canonical"
    return [json.loads(line) for line in lines]

def holds(record, seq):
    event = canonical(record["event"]).encode()
    place = pack(">Qq", seq, record["time"]) + bytes.fromhex(record["previous"]) + pack(">Q", len(event))
    return sha256(b"profile signer audit record 1\n" + place + event).hexdigest() == record["hash"]

def is_signed(point, key):
    signed = pack(">Qq", point["seq"], point["time"]) + bytes.fromhex(point["hash"])
    try:
        key.verify(bytes.fromhex(point["signature"]), b"profile signer audit checkpoint 1\n" + signed)
    except InvalidSignature:
        return False
    return point["key"] == sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

def diagnose(seq, previous, covered, found, rest):
    """The first record that is not as it was written, where the one of number `seq` should stand."""
    home = next((record for record in rest if record["previous"] == previous and holds(record, seq)), None)
    if found["seq"] < seq:
        return found["seq"], "inserted"
    if found["seq"] > seq:
        return seq, "swapped" if any(record["seq"] == seq for record in rest) else "removed"
    if holds(found, seq):
        return seq if seq - 1 in covered else seq - 1, "edited"
    if home is None:
        return seq, "removed" if holds(found, seq + 1) else "edited"
    elsewhere = holds(found, home["seq"]) and not (home is rest[0] and home["seq"] == seq)
    return seq, "swapped" if elsewhere or holds(found, seq + 1) else "inserted"

def verify(records, points, key):
    if bad := [point["seq"] for point in points if not is_signed(point, key)]:
        return bad[0], "bad checkpoint"
    previous, covered = "0" * 64, {0} | {point["seq"] for point in points}
    for seq, record in enumerate(records, 1):
        if record["seq"] != seq or record["previous"] != previous or not holds(record, seq):
            return diagnose(seq, previous, covered, record, records[seq:])
        if any(point["seq"] == seq and point["hash"] != record["hash"] for point in points):
            return seq, "rewritten"
        previous = record["hash"]
    return (len(records) + 1, "cut off") if max(covered) > len(records) else (len(records), "holds")

seq, word = verify(read(sys.argv[1]), read(sys.argv[2]), load_pem_public_key(open(sys.argv[3], "rb").read()))
print(seq, word)
sys.exit(word != "holds")
