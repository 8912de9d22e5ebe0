#!/usr/bin/env python3
"""Checks the source tree against the rules of docs/ARCHITECTURE.md that a compiler does not check.

  tests/tidy/tidy.py [CHECK...]     all checks, or those named: includes banned headers words size files scripts protos format

Prints FILE:LINE: what is wrong; what would be right. Exit code 1 when there was anything, 77 when a tool is absent.
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 600

# Functions that are longer for a reason: a ratchet. Entries may leave, none may come.
LONG_FUNCTIONS = set()

# Who may include whom: (row, our folders, other people's headers). First match wins. None: any.
INCLUDE_RULES = [
    ("common/", ["common/"], r"absl/.*|fmt/.*"),
    ("pki/", ["common/", "pki/"], r"absl/.*|openssl/.*"),
    ("controller/core/", ["common/", "controller/core/"], r"absl/(container/btree|status|strings|time|types|base|algorithm)\b.*"),
    ("agent/core/", ["common/", "agent/core/"], r"absl/(container/btree|status|strings|time|types|base|algorithm)\b.*"),
    ("controller/ports/", ["common/", "controller/core/", "controller/ports/"], r"absl/.*"),
    ("agent/ports/", ["common/", "agent/core/", "agent/ports/"], r"absl/.*"),
    ("controller/config/", ["common/", "controller/core/", "controller/config/"], r"absl/.*|yaml-cpp/.*|nlohmann/.*"),
    ("agent/config/", ["common/", "agent/core/", "agent/config/"], r"absl/.*|yaml-cpp/.*|nlohmann/.*"),
    ("controller/", ["common/", "pki/", "controller/", "compose/", "drover/v1/"], None),
    ("agent/", ["common/", "pki/", "agent/", "drover/v1/", "externalscaler/"], None),
    ("compose/", ["common/", "compose/", "drover/v1/"], r"absl/.*|yaml-cpp/.*|google/protobuf/.*|nlohmann/.*|openssl/.*"),
    ("simulate/", ["common/", "controller/core/", "simulate/"], r"absl/.*|nlohmann/.*"),
    ("cli/history.", ["common/", "cli/", "controller/core/", "controller/runtime/history/records.h", "drover/v1/"], None),
    ("cli/", ["common/", "pki/", "compose/", "cli/", "simulate/", "drover/v1/", "controller/runtime/convert.h"], None),
    ("deploy/examples/", ["deploy/examples/"], r"$^"),
    ("tests/", None, None),
]
OURS = ("common/", "pki/", "controller/", "agent/", "compose/", "cli/", "simulate/", "drover/v1/", "externalscaler/", "deploy/",
        "tests/")

# In core: pattern, what to use instead, why.
BANNED_IN_CORE = [
    (r"absl::Now\b|GetCurrentTimeNanos", "the Instant of the event", "the core gets time only in events (R2.1)"),
    (r"_clock::now\b|\bclock_gettime\b|\bgettimeofday\b|\btime\(", "the Instant of the event", "the core gets time only in events (R2.1)"),
    (r"\brandom_device\b|\bmt19937|\buniform_\w+_distribution\b|\bs?rand\(|\bstd::shuffle\b", "common/prng.h", "same inputs, same outputs on every machine"),
    (r"\bstd::j?thread\b|\bstd::async\b|\bstd::mutex\b|\bstd::atomic\b|absl::Mutex\b", "nothing: the runtime owns the one core thread", "the core is single-threaded"),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|absl::SleepFor", "Ready::wake_at", "the core never waits"),
    (r"\bgetenv\b|\bsetlocale\b", "an argument from config/", "same inputs, same outputs"),
    (r"\bunordered_(map|set)|\bflat_hash_|\bnode_hash_", "std::map, absl::btree_map or a sorted vector", "their order differs from run to run"),
    (r"\bLOG\(|\bspdlog\b|\bstd::c(out|err|log)\b|\bprintf\(|\bfprintf\(", "a Reason or an event in Ready", "the core does no I/O"),
    (r"\.pb\.h|\bgrpc\b|\bprotobuf\b", "core types; runtime/convert translates", "the core does not know the wire"),
    (r"\bstd::i?o?fstream\b|\bfopen\(|\bsocket\(", "a field of Ready", "the core does no I/O"),
]

WORDS = [
    (r"\bTO" r"DO\b|\bFIX" r"ME\b|\bX" r"XX\b", "finish it, or say in the documentation what is missing"),
    (r"\bDIS" r"ABLED_\w", "mend the test or remove it"),
    (r"^\s*#if 0\b", "remove dead code; git remembers it"),
    (r"/wor[k]/|/far[m]/", "no path of one particular machine"),
]

REQUIRED = ["LICENSE", "README.md", "test.sh", "quickstart.sh", ".ci/run", "docs/ARCHITECTURE.md", "docs/HACKING.md", "docs/glossary.md"]


class Tree:
    """The files of the repository; tests give their own."""

    def __init__(self, root=ROOT, files=None):
        self.root = root
        self.names = self._list() if files is None else sorted(files)
        self._texts = dict(files or {})

    def _list(self):
        try:
            out = subprocess.run(["git", "-C", self.root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True).stdout
            names = out.splitlines()
        except (OSError, subprocess.CalledProcessError):  # an unpacked archive
            names = []
            for folder, folders, files in os.walk(self.root):
                folders[:] = [d for d in folders if d not in ("build", ".git", ".cache")]
                names += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        return sorted(n for n in names if os.path.isfile(os.path.join(self.root, n)))

    def text(self, name):
        if name not in self._texts:
            with open(os.path.join(self.root, name), encoding="utf-8", errors="replace") as f:
                self._texts[name] = f.read()
        return self._texts[name]

    def sources(self, *ends):
        return [n for n in self.names if n.endswith(ends or (".h", ".cc"))]


def without_comments(text):
    """Comments and string contents blanked, lines kept."""
    def blank(m):
        s = m.group(0)
        if s.startswith('"'):
            return '""'
        return "\n" * s.count("\n")
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_includes(tree):
    for name in tree.sources():
        rule = next((r for r in INCLUDE_RULES if name.startswith(r[0])), None)
        if rule is None:
            yield name, 1, "a source file outside the known folders; see docs/ARCHITECTURE.md, Folders"
            continue
        row, ours, others = rule
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not m:
                continue
            what = m.group(1)
            if what.startswith(OURS):
                if ours is not None and not what.startswith(tuple(ours)):
                    yield name, number, f"{row} must not include {what}; it may include {', '.join(ours)}"
            elif others is not None and not is_system(what) and not re.fullmatch(others, what):
                yield name, number, f"{row} must not include {what}; see the include rules in docs/ARCHITECTURE.md"
            if what.startswith("yaml-cpp/") and "/config/" in name and re.search(r"(?<!yaml_reader)\.h$", name):
                yield name, number, "the YAML parser belongs into the .cc file only"


def is_system(header):
    return re.fullmatch(r"[a-z_0-9]+|((sys|net|netinet|arpa|linux|asm)/)?[a-z_0-9]+\.h", header) is not None


def check_banned(tree):
    for name in tree.sources():
        if not name.startswith(("controller/core/", "agent/core/")):
            continue
        code = without_comments(re.sub(r'#\s*include\s*"([^"]*)"', r"#include <\1>", tree.text(name)))
        for number, line in enumerate(code.splitlines(), 1):
            for pattern, instead, why in BANNED_IN_CORE:
                m = re.search(pattern, line)
                if m:
                    yield name, number, f"`{m.group(0)}` in core: {why}; use {instead}"


def check_headers(tree):
    for name in tree.sources(".h"):
        lines = tree.text(name).splitlines()
        count = 0
        while count < len(lines) and lines[count].startswith("//"):
            count += 1
        if not 1 <= count <= 20:
            yield name, 1, f"starts with {count} lines of comment; 3 to 10 say what the file is for"
        if "#pragma once" not in lines:
            yield name, 1, "no #pragma once"


def check_words(tree):
    skip = ("tests/conformance/",)
    for name in tree.names:
        if name.startswith(skip) or name.endswith((".png", ".ico", ".tar", ".gz", ".db")):
            continue
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            for pattern, right in WORDS:
                m = re.search(pattern, line)
                if m:
                    yield name, number, f"`{m.group(0)}`; {right}"


def functions(text):
    """(first line, lines, head) of every function body, by the indentation that clang-format gives."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        m = re.match(r"^( {0,4})(\S.*)\{$", line)
        if not m or m.group(2).startswith("}") or re.match(r"(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do|try|return|//)\b", m.group(2)):
            continue
        if re.search(r"\[[&=\w, *]*\]\s*[({]", line):  # a lambda counts with the function around it
            continue
        start = i
        while start > 0 and lines[start].strip() and lines[start - 1].strip() and "(" not in lines[start] and i - start < 8:
            start -= 1
        if "(" not in "".join(lines[start:i + 1]) or "= {" in line:
            continue
        margin = min(m.group(1), re.match(" *", lines[start]).group(0), key=len)  # parameters are further in than the head
        for j in range(i + 1, len(lines)):
            if re.match("^" + margin + r"\}", lines[j]):
                yield start + 1, j - i - 1, lines[start].strip()
                break


def check_size(tree):
    for name in tree.sources():
        text = tree.text(name)
        count = text.count("\n")
        if count > MAX_FILE_LINES:
            yield name, 1, f"{count} lines; split it by idea (at most {MAX_FILE_LINES})"
        for line, length, head in functions(text):
            most = MAX_FUNCTION_LINES + (30 if name.startswith("tests/") else 0)  # tests are tables and stories
            if length > most and f"{name}:{head}" not in LONG_FUNCTIONS:
                yield name, line, f"a function of {length} lines; at most {most}"


def check_files(tree):
    for name in REQUIRED:
        if name not in tree.names:
            yield name, 1, "is missing"


def check_scripts(tree):
    for name in tree.names:
        if name.endswith(".py"):
            try:
                compile(tree.text(name), name, "exec")
            except SyntaxError as e:
                yield name, e.lineno or 1, e.msg
        elif tree.text(name).startswith("#!/usr/bin/env bash"):
            run = subprocess.run(["bash", "-n"], input=tree.text(name), capture_output=True, text=True)
            if run.returncode:
                yield name, 1, run.stderr.strip()


# A comment, a string, or what gives a .proto file its structure.
PROTO_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}\[\];]|[^\s{}\[\];"'/]+|/""", re.S)
PROTO_FIELD = re.compile(r"(?:(?:optional|repeated|required) )?(?!option |optional |repeated |required )"
                         r"(?:map ?<.*> ?|[\w.]+ )(\w+) ?= ?(?:0[xX])?[0-9a-fA-F]+$")


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def proto_comments(text):
    """Line -> the words of the comment on it; and the lines that hold nothing but a comment."""
    comments, lines = {}, text.splitlines()
    for m in PROTO_TOKEN.finditer(text):
        if m.group(0).startswith(("//", "/*")):
            for line, part in enumerate(m.group(0).split("\n"), line_of(text, m.start())):
                comments[line] = comments.get(line, "") + " " + part.strip()
    return comments, {line for line, words in comments.items() if lines[line - 1].strip() == words.strip()}


def proto_fields(text):
    """(first line, last line, name, line of the oneof around it or 0) of every field of every message."""
    blocks, words, options, first = [], [], 0, 0
    for m in PROTO_TOKEN.finditer(text):
        token = m.group(0)
        if token.startswith(("//", "/*")):
            continue
        line = line_of(text, m.start())
        first = first if words else line
        if token in "[]":
            options += 1 if token == "[" else -1
        elif options == 0 and token == "{":
            blocks.append((words[0] if words else "", first))
        elif options == 0 and token == "}" and blocks:
            blocks.pop()
        elif options == 0 and token != ";":
            words.append(token)
            continue
        elif options == 0:
            field = PROTO_FIELD.match(" ".join(words))
            inside, opened = blocks[-1] if blocks else ("", 0)
            if field and inside in ("message", "oneof", "extend"):
                yield first, line, field.group(1), opened if inside == "oneof" else 0
        if options == 0 and token in "{};":
            words = []


def check_protos(tree):
    rule = "say on its line, or in the line above it, what it is, its unit, and what its absence means"
    for name in tree.names:
        if not re.fullmatch(r"proto/drover/v1/[^/]+\.proto", name):
            continue
        text = tree.text(name)
        comments, alone = proto_comments(text)

        def said(first, last):
            return " ".join(comments.get(n, "") for n in range(first - (first - 1 in alone), last + 1))

        for first, last, field, oneof in proto_fields(text):
            own = said(first, last)
            if not re.search(r"\w", own + (said(oneof, oneof) if oneof else "")):
                yield name, first, f"field `{field}` has no comment; {rule} (of a oneof, one comment may do for all)"
            elif re.sub(r"\W|_", "", own).lower() == field.replace("_", "").lower():
                yield name, first, f"the comment of field `{field}` says only its name; {rule}"


def check_format(tree):
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool:
        print("clang-format is not there: apt-get install clang-format", file=sys.stderr)
        sys.exit(1 if os.environ.get("DROVER_TEST_REQUIRE") else 77)
    run = subprocess.run([tool, "--dry-run", "--style=file"] + tree.sources(), cwd=tree.root, capture_output=True, text=True)
    seen = set()
    for m in re.finditer(r"^(\S+?):(\d+):\d+: warning: code should be clang-formatted", run.stderr, re.M):
        if m.group(1) not in seen:
            seen.add(m.group(1))
            yield m.group(1), int(m.group(2)), "is not formatted; clang-format -i it"


CHECKS = {n[len("check_"):]: f for n, f in list(globals().items()) if n.startswith("check_")}


def main(names):
    unknown = [n for n in names if n not in CHECKS]
    if unknown:
        print(f"no check '{unknown[0]}': {' '.join(CHECKS)}", file=sys.stderr)
        return 2
    tree = Tree()
    faults = 0
    for check in names or CHECKS:
        for name, line, text in CHECKS[check](tree):
            print(f"{name}:{line}: {text}")
            faults += 1
    print(f"tidy: {len(tree.sources())} source files, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
