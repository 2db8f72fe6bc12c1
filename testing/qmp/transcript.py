# SPDX-License-Identifier: Apache-2.0
"""The same commands to a peer and to us, and where the answers differ.

A step has one outcome, a few words, or, for a query, one outcome for each member that it answers.
"""

import json
import re

from testing.qmp import qmp_client

FILES = {"a.img": 1 << 20, "b.img": 2 << 20, "hd.img": 1 << 20}

NODES = [
    "driver=file,node-name=disc-a,read-only=on,filename=a.img",
    "driver=file,node-name=disc-b,read-only=on,filename=b.img",
    "driver=file,node-name=hd,filename=hd.img",
    "driver=null-co,node-name=vd,size=1048576,read-zeroes=on",
]


def blockdevs(option):
    return [word for node in NODES for word in (option, node)]


def start_platter():
    words = blockdevs("--blockdev")
    for device in ("ide-cd,id=cd0,drive=disc-a,bus=ide.0,unit=0",
                   "ide-hd,id=hd0,drive=hd,bus=ide.1,unit=0", "virtio-scsi,id=scsi0",
                   "scsi-cd,id=cd1", "virtio-blk,id=vd0,drive=vd"):
        words += ["--device", device]
    return qmp_client.Program().start_platter(["-S", *words], FILES)


def start_qemu():
    words = [qmp_client.QEMU, "-S", "-display", "none", "-nodefaults", "-machine", "pc", "-qmp",
             "unix:SOCKET", *blockdevs("-blockdev")]
    for device in ("ide-cd,id=cd0,drive=disc-a,bus=ide.0,unit=0",
                   "ide-hd,id=hd0,drive=hd,bus=ide.1,unit=0", "virtio-scsi-pci,id=scsi0",
                   "scsi-cd,id=cd1", "virtio-blk-pci,id=vd0,drive=vd"):
        words += ["-device", device]
    return qmp_client.Program().start_waited_for(words, FILES)


def start_storage_daemon():
    return qmp_client.Program().start_waited_for(
        [qmp_client.STORAGE_DAEMON, "--chardev", "socket,id=c0,path=SOCKET", "--monitor",
         "chardev=c0", *blockdevs("--blockdev")], FILES)


def command(name, command_name=None, until_event=None, **arguments):
    """A step that runs a command; its name is the command's unless another is given."""
    arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
    text = json.dumps({"execute": command_name or name, "arguments": arguments})
    return name, text.encode(), until_event


def limits(name, **arguments):
    """A step that sets the I/O limits of hd0, none but those given; the names have underscores."""
    names = ("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr")
    arguments = {"id": "hd0", **dict.fromkeys(names, 0), **arguments}
    given = {key: value for key, value in arguments.items() if value is not None}
    text = json.dumps({"execute": "block_set_io_throttle", "arguments": given})
    return name, text.encode(), None


def raw(name, data):
    """A step that sends bytes."""
    return name, data, None


NEGOTIATION = [
    raw("a command before negotiation", b'{"execute": "query-version"}'),
    raw("no command before negotiation", b'{"execute": "nosuch"}'),
    raw("an unknown capability", b'{"execute": "qmp_capabilities", "arguments": {"enable": ["x"]}}'),
    raw("qmp_capabilities", b'{"execute": "qmp_capabilities", "id": 7}'),
    raw("qmp_capabilities again", b'{"execute": "qmp_capabilities"}'),
]

SYNTAX = [
    raw("an unknown command", b'{"execute": "nosuch", "id": {"a": [1, 2.5, "x"]}}'),
    raw("a list", b"[1, 2]"),
    raw("a number", b"12 "),
    raw("a string", b'"str"'),
    raw("an empty object", b"{}"),
    raw("arguments without a command", b'{"arguments": {}}'),
    raw("a wrong member", b'{"exec": "x"}'),
    raw("a command that is no string", b'{"execute": 5}'),
    raw("arguments that are no object", b'{"execute": "query-version", "arguments": 3}'),
    raw("another member", b'{"execute": "query-version", "control": 3}'),
    raw("out of band", b'{"exec-oob": "query-version", "id": 1}'),
    raw("a member twice", b'{"execute": "query-version", "id": 1, "id": 2}'),
    raw("single quotes", b"{'execute': 'nosuch'}"),
    raw("two values on a line", b'{"execute": "nosuch"} {"execute": "nosuch2"}'),
    raw("a value on two lines", b'{"execute":\n"nosuch"}'),
    raw("a wrong word", b"foo"),
    raw("a wrong word in a command", b'{"execute": foo}'),
    raw("a missing colon", b'{"execute" "query-version"}'),
    raw("a comma too many", b'{"execute": "query-version",}'),
    raw("a stray byte", b'{"execute": @}'),
    raw("a brace too many", b"}"),
    raw("a bracket for a brace", b"{]"),
    raw("a wrong escape", b'{"execute": "a\\x41"}'),
    raw("an unclosed string", b'"abc'),
    raw("a mark in a command", b'{"execute": \xff{"execute": "nosuch"}'),
    raw("a mark alone", b"\xff"),
    raw("escapes and other letters", '{"execute": "n\\u00f6\\u0073\u00fc"}'.encode()),
]

NODE_STEPS = [
    command("blockdev-add", driver="null-co", node_name="n1", size=512),
    command("a node of a name that there is", "blockdev-add", **{
        "driver": "null-co", "node-name": "n1", "size": 512}),
    command("a node without a name", "blockdev-add", driver="null-co", size=512),
    command("a node of an unknown driver", "blockdev-add", **{
        "driver": "nosuch", "node-name": "n2"}),
    command("a node of a missing file", "blockdev-add", **{
        "driver": "file", "node-name": "n2", "filename": "nofile"}),
    command("a node on a missing node", "blockdev-add", **{
        "driver": "raw", "node-name": "n2", "file": "nosuch"}),
    command("a node with a wrong option", "blockdev-add", **{
        "driver": "null-co", "node-name": "n2", "sise": 512}),
    command("a node with a wrong type", "blockdev-add", **{
        "driver": "null-co", "node-name": "n2", "size": "many"}),
    command("blockdev-del", node_name="n1"),
    command("no such node to delete", "blockdev-del", **{"node-name": "n1"}),
    command("resize a node that nobody uses", "block_resize", **{
        "node-name": "disc-b", "size": 1 << 20}),
    command("object-add", **{"qom-type": "iothread", "id": "t0"}),
    command("an object of a name that there is", "object-add", **{
        "qom-type": "iothread", "id": "t0"}),
    command("an unknown object", "object-add", **{"qom-type": "nosuch", "id": "t1"}),
    command("object-del", id="t0"),
    command("no such object to delete", "object-del", id="t0"),
]

MEDIA = [
    command("query-block"),
    command("open the tray", "blockdev-open-tray", id="cd0"),
    command("open the open tray", "blockdev-open-tray", id="cd0"),
    command("insert into a full drive", "blockdev-insert-medium", **{
        "id": "cd0", "node-name": "disc-b"}),
    command("remove the disc", "blockdev-remove-medium", id="cd0"),
    command("remove no disc", "blockdev-remove-medium", id="cd0"),
    command("insert a missing node", "blockdev-insert-medium", **{
        "id": "cd0", "node-name": "nosuch"}),
    command("insert a disc", "blockdev-insert-medium", **{"id": "cd0", "node-name": "disc-b"}),
    command("close the tray", "blockdev-close-tray", id="cd0"),
    command("close the closed tray", "blockdev-close-tray", id="cd0"),
    command("remove from a closed tray", "blockdev-remove-medium", id="cd0"),
    command("insert into a closed tray", "blockdev-insert-medium", **{
        "id": "cd0", "node-name": "disc-a"}),
    command("change the disc", "blockdev-change-medium", id="cd0", filename="a.img", format="raw"),
    command("query-block after a change", "query-block"),
    command("change to a missing file", "blockdev-change-medium", id="cd0", filename="nofile",
            format="raw"),
    command("change to an unknown format", "blockdev-change-medium", id="cd0", filename="a.img",
            format="nosuch"),
    command("change in an unknown mode", "blockdev-change-medium", **{
        "id": "cd0", "filename": "a.img", "read-only-mode": "bogus"}),
    command("change into an empty drive", "blockdev-change-medium", id="cd1", filename="a.img",
            format="raw"),
    command("change the medium of a disk", "blockdev-change-medium", id="hd0", filename="a.img",
            format="raw"),
    command("eject", id="cd0"),
    command("eject what is out", "eject", id="cd0"),
    command("query-block after eject", "query-block"),
    command("eject by force", "eject", id="cd1", force=True),
    command("eject a disk", "eject", id="hd0"),
    command("eject a disk by force", "eject", id="hd0", force=True),
    command("eject an adapter", "eject", id="scsi0"),
    command("eject from no device", "eject", id="nosuch"),
    command("eject from no backend", "eject", device="nosuch"),
    command("eject nothing", "eject"),
    command("eject by two names", "eject", id="cd0", device="cd0"),
    command("eject with a wrong argument", "eject", id="cd0", forc=True),
    command("eject with a wrong type", "eject", id="cd0", force="yes"),
    command("eject with a number", "eject", id=5),
]

SIZES = [
    command("resize a disk", "block_resize", **{"node-name": "hd", "size": 2 << 20}),
    command("resize below zero", "block_resize", **{"node-name": "hd", "size": -1}),
    command("resize to a half", "block_resize", **{"node-name": "hd", "size": 1.5}),
    command("resize what cannot be", "block_resize", **{"node-name": "vd", "size": 4 << 20}),
    command("resize a disc", "block_resize", **{"node-name": "disc-a", "size": 4 << 20}),
    command("resize no node", "block_resize", **{"node-name": "nosuch", "size": 4096}),
    command("resize no device", "block_resize", device="nosuch", size=4096),
    command("resize nothing", "block_resize", size=4096),
    command("delete a node in use", "blockdev-del", **{"node-name": "hd"}),
    command("query-blockstats"),
]

LIMITS = [
    limits("limits", bps_rd=1 << 20, bps_wr=2 << 20, iops=100, bps_rd_max=4 << 20, iops_max=200,
           iops_max_length=3, iops_size=4096),
    command("query-block with limits", "query-block"),
    limits("limits of another group", iops=10, group="slow"),
    limits("limits of no group", iops=10, group=5),
    limits("limits in total and of reads", bps=10, bps_rd=10),
    limits("bursts in total and of writes", iops=10, iops_max=20, iops_wr_max=20),
    limits("a burst without a limit", bps_max=10),
    limits("a burst below the limit", bps=100, bps_max=10),
    limits("a length without a burst", bps=100, bps_max_length=10),
    limits("a length of zero", bps=100, bps_max=200, bps_max_length=0),
    limits("a length too long", bps=100, bps_max=200, bps_max_length=1 << 60),
    limits("a size without a limit", iops_size=512),
    limits("a limit too high", bps=1 << 60),
    limits("a limit below zero", bps=-1),
    limits("a limit that is no number", bps="1"),
    limits("a limit left away", bps=None),
    limits("limits that are not known", bps_max_rd=5),
    limits("limits of no device", id="nosuch"),
    limits("limits of no backend", id=None, device="nosuch"),
    limits("limits of two names", device="hd0"),
    limits("limits of nothing", id=None),
    limits("limits of an adapter", id="scsi0"),
    limits("limits of an empty drive", id="cd0", iops=5),
    command("object-add", **{"qom-type": "throttle-group", "id": "g0",
                             "limits": {"iops-total": 50, "iops-total-max": 60}}),
    command("a group with wrong limits", "object-add", **{
        "qom-type": "throttle-group", "id": "g1", "limits": {"bps-total": 1, "bps-read": 1}}),
    command("a group with unknown limits", "object-add", **{
        "qom-type": "throttle-group", "id": "g1", "limits": {"bps-all": 1}}),
    command("a group that drives have made", "object-add", **{
        "qom-type": "throttle-group", "id": "slow"}),
    limits("join the group", iops=40, group="g0"),
    command("delete a group in use", "object-del", id="g0"),
    limits("no limits"),
    limits("no limits again"),
    command("object-del", id="g0"),
    command("block-latency-histogram-set", id="hd0", boundaries=[10, 100], boundaries_flush=[5]),
    command("a histogram that falls", "block-latency-histogram-set", id="hd0",
            boundaries=[10, 10]),
    command("a histogram from zero", "block-latency-histogram-set", id="hd0",
            boundaries_write=[0, 10]),
    command("a histogram of no numbers", "block-latency-histogram-set", id="hd0",
            boundaries=["a"]),
    command("a histogram of one number", "block-latency-histogram-set", id="hd0", boundaries=5),
    command("a histogram of no device", "block-latency-histogram-set", id="nosuch"),
    command("query-blockstats with histograms", "query-blockstats"),
    command("no histograms", "block-latency-histogram-set", id="hd0"),
]

REOPEN = [
    command("block-set-write-threshold", **{"node-name": "hd", "write-threshold": 4096}),
    command("a threshold of no node", "block-set-write-threshold", **{
        "node-name": "nosuch", "write-threshold": 4096}),
    command("a threshold below zero", "block-set-write-threshold", **{
        "node-name": "hd", "write-threshold": -1}),
    command("a threshold left away", "block-set-write-threshold", **{"node-name": "hd"}),
    command("blockdev-reopen", options=[
        {"driver": "file", "node-name": "hd", "filename": "hd.img", "discard": "unmap",
         "cache": {"no-flush": True}, "detect-zeroes": "on"},
        {"driver": "file", "node-name": "disc-b", "filename": "b.img"}]),
    command("query-named-block-nodes"),
    command("no threshold", "block-set-write-threshold", **{
        "node-name": "hd", "write-threshold": 0}),
    # An empty list ends QEMU 7.2 (an assertion in bdrv_reopen_multiple).
    command("reopen without a list", "blockdev-reopen"),
    command("reopen no node", "blockdev-reopen", options=[
        {"driver": "null-co", "node-name": "nosuch"}]),
    command("reopen without a name", "blockdev-reopen", options=[{"driver": "null-co"}]),
    command("reopen with another driver", "blockdev-reopen", options=[
        {"driver": "null-co", "node-name": "hd"}]),
    command("reopen with another file", "blockdev-reopen", options=[
        {"driver": "file", "node-name": "hd", "filename": "b.img"}]),
    command("reopen with another size", "blockdev-reopen", options=[
        {"driver": "null-co", "node-name": "vd", "size": 512}]),
    command("reopen read-only what is written", "blockdev-reopen", options=[
        {"driver": "file", "node-name": "hd", "filename": "hd.img", "read-only": True}]),
    command("reopen with a wrong option", "blockdev-reopen", options=[
        {"driver": "file", "node-name": "hd", "filename": "hd.img", "chache": {}}]),
    command("reopen twice", "blockdev-reopen", options=[
        {"driver": "file", "node-name": "disc-b", "filename": "b.img"},
        {"driver": "file", "node-name": "disc-b", "filename": "b.img"}]),
    command("reopen all or nothing", "blockdev-reopen", options=[
        {"driver": "file", "node-name": "disc-b", "filename": "b.img", "read-only": True},
        {"driver": "file", "node-name": "hd", "filename": "b.img"}]),
    command("query-named-block-nodes after failures", "query-named-block-nodes"),
]

DEVICES = [
    command("unplug an IDE drive", "device_del", id="cd0"),
    command("unplug no device", "device_del", id="nosuch"),
    command("unplug a SCSI drive", "device_del", until_event="DEVICE_DELETED", id="cd1"),
    command("plug a SCSI drive", "device_add", driver="scsi-cd", id="cd2", bus="scsi0.0"),
    command("plug it twice", "device_add", driver="scsi-cd", id="cd2", bus="scsi0.0"),
    command("plug an unknown device", "device_add", driver="nosuch", id="cd3"),
    command("plug an IDE drive", "device_add", driver="ide-cd", id="cd3", bus="ide.1"),
    command("plug without a driver", "device_add", id="cd3"),
    command("query-status at first", "query-status"),
    command("stop what is stopped", "stop"),
    command("cont"),
    command("query-status", "query-status"),
    command("cont again", "cont"),
    command("stop"),
    command("query-status when stopped", "query-status"),
    command("open the tray before a reset", "blockdev-open-tray", id="cd0"),
    command("system_reset"),
    command("query-name"),
    command("stop with an argument", "stop", now=True),
    command("quit"),
]

WITH_QEMU = NEGOTIATION + SYNTAX + MEDIA + SIZES + LIMITS + REOPEN + DEVICES
WITH_STORAGE_DAEMON = NEGOTIATION + SYNTAX + NODE_STEPS


def nameless(text):
    """Without the numbers of generated names."""
    return re.sub(r"#block[0-9]+", "#block", text)


def flatten(value, path, into):
    """Members of members as "a.b"; drives and nodes by their names."""
    if isinstance(value, dict):
        for key, member in value.items():
            # By QMP's own rules a name of this form is nobody else's: docs/qmp.md lists ours.
            if key.startswith("x-"):
                continue
            flatten(member, f"{path}.{key}" if path else key, into)
    elif isinstance(value, list) and value and all(
            isinstance(v, dict) and ("qdev" in v or "node-name" in v) for v in value):
        for element in value:
            name = element.get("qdev") or element["node-name"]
            # QEMU's virtio-blk has a drive of its own inside.
            name = name.removeprefix("/machine/peripheral/").removesuffix("/virtio-backend")
            flatten(element, f"{path}[{name}]", into)
    else:
        # How long a request took is no two times alike, whether one was made is.
        into[path] = "some" if path.endswith("_time_ns") and value else nameless(json.dumps(value))


def words(line):
    """What came, without what no two runs have alike."""
    line = {key: value for key, value in line.items() if key != "timestamp"}
    if "error" in line:
        text = f"{line['error']['class']}: {line['error']['desc']}"
        return text + (f" (id {json.dumps(line['id'])})" if "id" in line else "")
    if "event" in line:
        data = json.dumps(line.get("data", {}), sort_keys=True)
        return f"{line['event']} {data}" if "data" in line else line["event"]
    return json.dumps(line, sort_keys=True)


def outcomes(step, came):
    """The step's outcomes by name."""
    if len(came) == 1 and came[0].get("return"):
        into = {}
        flatten(came[0]["return"], "", into)
        return {f"{step}: {path}": value for path, value in into.items()}
    text = "; ".join(words(line) for line in came)
    return {step: nameless(text).replace("\n", "\\n")}


def play(client, steps):
    """All outcomes, in the order of the steps."""
    all_of_them = {}
    for name, data, until_event in steps:
        for key, value in outcomes(name, client.play(data, until_event)).items():
            if key in all_of_them:
                raise AssertionError("two steps: " + key)
            all_of_them[key] = value
    return all_of_them


def differences(theirs, ours):
    """Rows (step, theirs, ours)."""
    keys = list(theirs) + [key for key in ours if key not in theirs]
    return [(key, theirs.get(key, "absent"), ours.get(key, "absent")) for key in keys
            if theirs.get(key) != ours.get(key)]
