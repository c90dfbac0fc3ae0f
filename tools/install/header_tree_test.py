#!/usr/bin/env python3
"""Headers are put where they are installed, and only if what they include is public."""

import os
import subprocess
import tempfile
import unittest


def lay_out(headers):
    """Runs the script on {path: text}: its exit code, its errors, and {installed path: text}."""
    with tempfile.TemporaryDirectory() as directory:
        arguments = []
        for i, (path, text) in enumerate(headers.items()):
            name = os.path.join(directory, str(i))
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
            arguments.append(f"{path}={name}")
        tree = os.path.join(directory, "tree")
        done = subprocess.run(["tools/install/header_tree.py", tree, *arguments],
                              stderr=subprocess.PIPE, universal_newlines=True, check=False)
        found = {}
        for root, _, files in os.walk(tree):
            for name in files:
                path = os.path.join(root, name)
                with open(path, encoding="utf-8") as file:
                    found[os.path.relpath(path, tree)] = file.read()
        return done.returncode, done.stderr, found


class HeaderTreeTest(unittest.TestCase):

    def test_paths_and_inclusions_are_those_of_the_installed_tree(self):
        code, errors, tree = lay_out({
            "lib/compiler/compile.h":
                '#include <string>\n#include "lib/compiler/load/load_policy.h"\n#  include "proto/policy.pb.h"\n',
            "lib/compiler/load/load_policy.h": '#include "absl/strings/string_view.h"\n',
            "lib/compiler/c_api/varmor.h": '/* "lib/compiler/x.h" in a comment stays */\n',
            "proto/policy.pb.h": "",
        })
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(tree, {
            "varmor/compile.h":
                '#include <string>\n#include "varmor/load/load_policy.h"\n#  include "varmor/proto/policy.pb.h"\n',
            "varmor/load/load_policy.h": '#include "absl/strings/string_view.h"\n',
            "varmor/varmor.h": '/* "lib/compiler/x.h" in a comment stays */\n',
            "varmor/proto/policy.pb.h": "",
        })

    def test_what_a_header_includes_is_public_as_well(self):
        code, errors, _ = lay_out({"lib/compiler/compile.h": '#include "lib/compiler/ir/rule_set.h"\n'})
        self.assertEqual(code, 1)
        self.assertEqual(errors, (
            "header_tree: lib/compiler/compile.h includes lib/compiler/ir/rule_set.h, which is not public\n"
            "  fix: change PUBLIC_API in tools/install/public_api.bzl\n"))

    def test_two_headers_never_share_a_place(self):
        code, errors, _ = lay_out({"lib/compiler/c_api/varmor.h": "", "lib/compiler/varmor.h": ""})
        self.assertEqual(code, 1)
        self.assertIn("lib/compiler/varmor.h and lib/compiler/c_api/varmor.h would both be varmor/varmor.h", errors)

    def test_headers_of_other_layers_are_refused(self):
        code, errors, _ = lay_out({"tools/varmor/console.h": ""})
        self.assertEqual(code, 1)
        self.assertIn("tools/varmor/console.h: public headers are in lib/compiler/ or proto/", errors)


if __name__ == "__main__":
    unittest.main()
