"""What a server's CPU time went to: perf's samples of the process by the kernel's part or the room of the source."""

import bisect
import collections
import re
import struct
import subprocess

from servers import BenchError

PER_SECOND = 4000
FRAME = re.compile(r"^\s+([0-9a-f]+) (.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$")
# The first row with a function of the stack is the part of a sample in the kernel.
KERNEL_PARTS = (
    ("sendmsg: wakes the client", {"sock_def_readable", "sk_wake_async"}),
    ("sendmsg: to the client's socket", {"__netif_receive_skb", "net_rx_action", "__napi_poll", "process_backlog"}),
    ("sendmsg: copies the bytes", {"_copy_from_iter", "skb_do_copy_data_nocache", "copy_from_user_iter"}),
    ("sendmsg: the rest", {"__sys_sendmsg", "__sys_sendto"}),
    ("recv", {"__sys_recvfrom", "__sys_recvmsg"}),
    ("epoll_wait", {"do_epoll_wait"}),
    ("page faults", {"exc_page_fault", "asm_exc_page_fault"}),
    ("interrupts", {"asm_sysvec_apic_timer_interrupt", "asm_sysvec_reschedule_ipi", "irq_exit_rcu", "common_interrupt"}),
)
ENTERING, OTHER_CALLS = "entering and leaving system calls", "other system calls"
ASIO, HEAP, LIBRARIES = "event loop (Asio)", "heap (jemalloc)", "other libraries"
LIBC, LIBC_COPIES = "libc: the rest", "libc: memcpy"
KERNEL = "[kernel.kallsyms]"


def samples(recorded):
    """The stacks of perf's file, the innermost frame first: (address, function, file)."""
    done = subprocess.run(["perf", "script", "-i", recorded, "-F", "ip,sym,dso"], capture_output=True, text=True, check=False)
    for block in done.stdout.split("\n\n"):
        stack = [found.groups() for found in map(FRAME.match, block.splitlines()) if found]
        if stack:
            yield stack


def parts(recorded, binary):
    """{part: share of the samples}."""
    counted, own = collections.Counter(), collections.Counter()
    for stack in samples(recorded):
        address, _, file = stack[0]
        if file == str(binary):
            own[int(address, 16)] += 1
        else:
            counted[part_of(stack)] += 1
    if not own and not counted:
        raise BenchError(f"perf has no samples in {recorded}")
    rooms = Rooms(binary, own)
    for address, count in own.items():
        counted[rooms.of(address)] += count
    return {part: count / counted.total() for part, count in counted.items()}


def part_of(stack):
    """The part of a stack whose innermost function is not of the server's program."""
    _, innermost, file = stack[0]
    if "libc.so" in file or file == "[vdso]":
        return LIBC_COPIES if innermost.startswith(("__memmove", "__memcpy")) else LIBC
    if file != KERNEL:
        return HEAP if "jemalloc" in file else LIBRARIES
    functions = {function for _, function, where in stack if where == KERNEL}
    for part, marks in KERNEL_PARTS:
        if functions & marks:
            return part
    return OTHER_CALLS if any(name.startswith("__x64_sys_") for name in functions) else ENTERING


class Rooms:
    """The room of the source for addresses (offsets in the file) of the program."""

    def __init__(self, binary, addresses):
        self._of = {}
        places = Segments(binary)
        told = subprocess.run(["addr2line", "-a", "-i", "-e", binary], capture_output=True, text=True, check=True,
                              input="\n".join(f"{places.address(offset):x}" for offset in addresses)).stdout
        blocks = re.split(r"^0x[0-9a-f]+\n", told, flags=re.M)[1:]
        for offset, block in zip(addresses, blocks):
            self._of[offset] = room_of(block.splitlines())

    def of(self, offset):
        return self._of[offset]


def room_of(lines):
    """The room of the innermost line of the project's or Asio's source; `lines`: the innermost first."""
    for line in lines:
        if "/boost/asio/" in line:
            return ASIO
        room = re.search(r"(?:^|/)(src|bench)/(.*/)?[^/]*$", line)
        if room:
            return f"{room[1]}/{room[2] or ''}".rstrip("/")
    return LIBRARIES


class Segments:
    """From offsets in an ELF file to the addresses of its symbols."""

    def __init__(self, binary):
        with open(binary, "rb") as file:
            header = file.read(64)
            table, = struct.unpack_from("<Q", header, 32)
            size, count = struct.unpack_from("<HH", header, 54)
            file.seek(table)
            rows = [struct.unpack("<IIQQQQQQ", file.read(size)) for _ in range(count)]
        self._loads = sorted((row[2], row[3]) for row in rows if row[0] == 1)  # PT_LOAD: (offset, address)

    def address(self, offset):
        first, address = self._loads[bisect.bisect(self._loads, (offset, 2**64)) - 1]
        return offset - first + address
