#!/usr/bin/env python3
"""Every rule of tidy.py fires on a fault and is silent on what is right."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import tidy


def faults(check, **files):
    tree = tidy.Tree(files={k.replace("__", "/").replace("_cc", ".cc").replace("_h", ".h"): v for k, v in files.items()})
    return [text for _, _, text in tidy.CHECKS[check](tree)]


class TidyTest(unittest.TestCase):
    def test_core_includes_only_common_and_itself(self):
        self.assertEqual([], faults("includes", controller__core__a_cc='#include "common/ids.h"\n#include <map>\n#include "absl/status/status.h"\n'))
        self.assertIn("must not include", faults("includes", controller__core__a_cc='#include "controller/runtime/loop.h"\n')[0])
        self.assertIn("must not include", faults("includes", agent__core__a_cc='#include "drover/v1/agent.pb.h"\n')[0])
        self.assertIn("must not include", faults("includes", agent__core__a_cc="#include <grpcpp/grpcpp.h>\n")[0])
        self.assertIn("must not include", faults("includes", agent__core__a_cc='#include "absl/synchronization/mutex.h"\n')[0])

    def test_controller_and_agent_never_include_each_other(self):
        self.assertIn("must not include", faults("includes", controller__runtime__a_cc='#include "agent/core/core.h"\n')[0])
        self.assertIn("must not include", faults("includes", agent__main_cc='#include "controller/core/core.h"\n')[0])

    def test_nothing_includes_tests(self):
        self.assertIn("must not include", faults("includes", cli__a_cc='#include "tests/support/x.h"\n')[0])
        self.assertEqual([], faults("includes", tests__unit__a_cc='#include "agent/core/core.h"\n#include "controller/core/core.h"\n'))

    def test_yaml_stays_out_of_headers(self):
        self.assertIn(".cc file only", faults("includes", agent__config__a_h="#include <yaml-cpp/yaml.h>\n")[0])

    def test_banned_names_in_core(self):
        for code in ("absl::Now()", "std::chrono::steady_clock::now()", "std::thread t;", "absl::flat_hash_map<int, int> m;",
                     "getenv(x)", "std::shuffle(a, b, c)", '#include "a.pb.h"', 'printf("x")', "std::unordered_map<int, int> m;"):
            self.assertEqual(1, len(faults("banned", controller__core__a_cc=code + "\n")), code)
        self.assertEqual([], faults("banned", controller__core__a_cc="// absl::Now is banned\nauto s = \"std::thread\";\n"))
        self.assertEqual([], faults("banned", controller__runtime__a_cc="absl::Now()\n"))

    def test_headers_say_what_they_are_for(self):
        self.assertEqual([], faults("headers", common__a_h="// One.\n// Two.\n// Three.\n#pragma once\n"))
        self.assertEqual(2, len(faults("headers", common__a_h="int a;\n")))

    def test_words(self):
        self.assertEqual(1, len(faults("words", common__a_cc="// TO" "DO: later\n")))
        self.assertEqual(1, len(faults("words", common__a_cc='Open("/wor' 'k/x");\n')))
        self.assertEqual([], faults("words", common__a_cc="// done\n"))

    def test_long_functions(self):
        body = "  x();\n" * 71
        self.assertEqual(1, len(faults("size", common__a_cc="void F(int a) {\n" + body + "}\n")))
        self.assertEqual([], faults("size", common__a_cc="namespace a {\n" + body + "}\n"))
        self.assertEqual([], faults("size", common__a_cc="void F(int a) {\n  x();\n}\n"))

    def test_required_files(self):
        self.assertIn("is missing", faults("files", LICENSE="x")[0])

    def test_scripts_parse(self):
        self.assertEqual(1, len(faults("scripts", scripts__a="#!/usr/bin/env bash\nif then\n")))

    def test_fields_of_the_wire_have_comments(self):
        def found(body, name="proto/drover/v1/a.proto"):
            tree = tidy.Tree(files={name: 'syntax = "proto3";  // the third\n\n' + body})
            return [(line, re.search(r"`(\w+)`", text).group(1)) for _, line, text in tidy.CHECKS["protos"](tree)]

        self.assertEqual([], found("message A {\n  string a = 1;  // of the node\n  // Milliseconds; 0: none.\n  map<string, int32> b = 2;\n}\n"))
        self.assertEqual([(4, "a")], found("message A {\n  repeated string a = 1;\n}\n"))
        self.assertEqual([(5, "b")], found("message A {  // not of a field\n  string a = 1;  // not of the next\n  optional x.B b = 2;\n}\n"))
        self.assertEqual([(6, "b")], found("message A {\n  // Of the first alone.\n  string a = 1;\n  string b = 2;\n}\n"))
        self.assertEqual([(6, "a")], found("message A {\n  // A blank line parts it.\n\n  string a = 1;\n}\n"))
        self.assertEqual([(4, "a_b")], found("message A {\n  string a_b = 1;  // A b.\n}\n"), "says only its name")
        self.assertEqual([(4, "a"), (6, "b")], found("message A {\n  string a = 1;  //\n  message B { enum E { X = 0; }\n    string b = 1 [deprecated = true];\n  }\n"
                                                     "  reserved 3;\n  option x = 5;\n}\nenum F {\n  Y = 0;\n}\n"))
        self.assertEqual([], found("message A {\n  string a = 1 [(x) = {y: 1},  // of the node\n    deprecated = true];\n}\n"))

    def test_a_oneof_may_have_one_comment_for_its_fields(self):
        def count(body):
            return len(faults("protos", **{"proto/drover/v1/a.proto": body}))

        self.assertEqual(0, count("message A {\n  // One is set.\n  oneof a {\n    B b = 1;\n    C c = 2;\n  }\n}\n"))
        self.assertEqual(0, count("message A {\n  oneof a {  // absent: unknown\n    B b = 1;\n    C c = 2;\n  }\n}\n"))
        self.assertEqual(2, count("message A {\n  oneof a {\n    B b = 1;\n    C c = 2;\n  }\n}\n"))
        self.assertEqual(1, count("message A {\n  // One is set.\n  oneof a {\n    B b = 1;\n  }\n  D d = 2;\n}\n"))


if __name__ == "__main__":
    unittest.main()
