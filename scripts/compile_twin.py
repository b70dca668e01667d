#!/usr/bin/env python3
"""Compiles the hot modules of the package with Cython and the system's C compiler into the twin
that `tapeback.utils.twin` finds. Exit code 1 where that cannot be done; Tapeback runs on its plain
sources then, slower and with the same results."""

from __future__ import annotations

import os
import re
import shutil
import sys
from ctypes import c_void_p
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from tapeback.utils.twin import PACKAGE, TWINS, folder, sources

# What only tells the compiler how the fields of a struct lie in memory.
_LAYOUT = "ctypedef class"
_DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,
    "overflowcheck": True,
    "initializedcheck": False,
}
# A multiplication and an addition that are made one would round once instead of twice.
_FLAGS = [] if os.name == "nt" else ["-O2", "-w", "-ffp-contract=off"]


def main() -> int:
    twin = folder()
    if twin.is_dir():
        print(f"{twin} is up to date.")
        return 0
    layouts = [file for file in sources() if _LAYOUT in file.read_text(encoding="utf-8")]
    modules = [
        file.with_suffix("") for file in sources() if file.suffix == ".pxd" and file not in layouts
    ]
    if sys.implementation.name != "cpython" or not layouts_hold(layouts):
        print("not compiled: this Python lays out its objects otherwise.", file=sys.stderr)
        return 1
    with TemporaryDirectory(prefix="tapeback-") as scratch:
        failure = build(modules, Path(scratch))
        if failure:
            print(f"not compiled: {failure} Tapeback runs on its plain sources.", file=sys.stderr)
            return 1
        shutil.rmtree(TWINS, ignore_errors=True)
        shutil.copytree(Path(scratch, "out", "tapeback"), twin)
    print(f"compiled {len(modules)} modules into {twin}")
    return 0


def layouts_hold(declarations: list[Path]) -> bool:
    """Whether the fields of the structs lie in memory as they are declared: their names in order,
    after the head that every object has."""
    for file in declarations:
        text = file.read_text(encoding="utf-8")
        home, name = re.findall(r"ctypedef class ([\w.]+)\.(\w+)", text)[0]
        fields = re.findall(r"cdef object (\w+)", text)
        struct = getattr(import_module(home), name)
        sample = struct(*(object() for _ in struct.__struct_fields__))
        if struct.__basicsize__ != object.__basicsize__ + 8 * len(fields):
            return False
        words = (c_void_p * len(fields)).from_address(id(sample) + object.__basicsize__)
        if [id(getattr(sample, field)) for field in fields] != list(words):
            return False
    return True


def build(modules: list[Path], scratch: Path) -> str:
    """Compile modules (without suffix) below a folder; what went wrong, in one sentence."""
    try:
        from Cython.Build import cythonize
        from Cython.Compiler.Errors import CompileError
        from setuptools import Distribution, Extension
        from setuptools.errors import BaseError, CCompilerError
    except ImportError as error:
        return f"{error.name} is not installed ('python dev.py setup' installs it)."
    os.chdir(PACKAGE.parent)
    extensions = [
        Extension(
            ".".join(module.relative_to(PACKAGE.parent).parts),
            [str(module.relative_to(PACKAGE.parent).with_suffix(".py"))],
            extra_compile_args=_FLAGS,
        )
        for module in modules
    ]
    try:
        made = cythonize(
            extensions, build_dir=str(scratch / "c"), compiler_directives=_DIRECTIVES, quiet=True
        )
        command = Distribution({"ext_modules": made}).get_command_obj("build_ext")
        command.build_lib, command.build_temp = str(scratch / "out"), str(scratch / "objects")
        command.parallel = os.cpu_count()
        command.ensure_finalized()
        command.run()
    except CompileError as error:
        return f"Cython refused a module ({error})."
    except (BaseError, CCompilerError, OSError) as error:
        return f"the C compiler is missing or failed ({error})."
    return ""


if __name__ == "__main__":
    sys.exit(main())
