"""Builds the compiled parts: the C++ core once for each SIMD level, and the Cython kernels.

Switches, all by environment: VOICEANON_SANITIZE=address|thread, VOICEANON_COVERAGE=1,
VOICEANON_DEBUG=1, VOICEANON_JOBS=n (compilers at once, 2 by default).
Everything else about the project stands in pyproject.toml.
"""

import hashlib
import os
import platform
import sys
from pathlib import Path

import pybind11
from pybind11.setup_helpers import ParallelCompile
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Level: lanes of float32 in one register, and the instruction set that has such registers.
# Eight lanes compiled for baseline x86-64 run 7 times slower, so each level is a module of its own.
LEVELS = {"baseline": (4, "x86-64"), "v3": (8, "x86-64-v3"), "v4": (16, "x86-64-v4")}
IS_X86_64 = platform.machine() in ("x86_64", "AMD64")

# Contraction to fused multiply-add and ignoring errno and floating-point traps keep NaN, Inf and
# the order of sums as written; -ffast-math would not.
COMPILE = ["-std=c++17", "-fvisibility=hidden", "-Wall", "-Wextra", "-ffp-contract=fast"]
COMPILE += ["-fno-math-errno", "-fno-trapping-math"]
# Apple's linker has no version scripts, and says the same otherwise.
IS_MAC = sys.platform == "darwin"
LINK = ["-Wl,-exported_symbol,_PyInit_*" if IS_MAC else "-Wl,--version-script=csrc/exports.map"]

sanitizer = os.environ.get("VOICEANON_SANITIZE", "")
if sanitizer not in ("", "address", "thread"):
    raise SystemExit(f"VOICEANON_SANITIZE={sanitizer!r}: allowed are address and thread")
if sanitizer:
    checks = "address,undefined" if sanitizer == "address" else "thread"
    COMPILE += [f"-fsanitize={checks}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
    LINK += [f"-fsanitize={checks}"]
if os.environ.get("VOICEANON_COVERAGE") == "1":
    COMPILE += ["--coverage", "-O0", "-g"]
    LINK += ["--coverage"]
elif os.environ.get("VOICEANON_DEBUG") == "1":
    COMPILE += ["-O0", "-g", "-UNDEBUG", "-D_GLIBCXX_ASSERTIONS"]
elif sanitizer:
    COMPILE += ["-O1", "-g1"]  # compiled in a third of the time, and reports name the right lines
else:
    COMPILE += ["-O3", "-g0"]

SOURCES = sorted(str(path) for path in Path("csrc/src").glob("*.cpp"))
HEADERS = sorted(str(path) for path in Path("csrc").rglob("*.hpp"))


def extension(name: str, sources: list, level: str) -> Extension:
    lanes, march = LEVELS[level]
    return Extension(
        f"voiceanon.{name}",
        sources,
        depends=HEADERS,
        include_dirs=["csrc/include", pybind11.get_include()],
        define_macros=[
            ("VOICEANON_LANES", str(lanes)),
            ("VOICEANON_LEVEL", level),
            ("VOICEANON_MODULE", name),
            # Modules of one pybind11 share a register of C++ types, where a class may stand once;
            # two levels loaded side by side need a register each.
            ("PYBIND11_COMPILER_TYPE", f'"_voiceanon_{level}"'),
        ],
        extra_compile_args=COMPILE + ([f"-march={march}"] if IS_X86_64 else []),
        extra_link_args=LINK,
        language="c++",
    )


class BuildExt(build_ext):
    """Keeps the objects of every module, and of every set of switches, in a folder of their own."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.cython_c_in_temp = True  # generated C++ never lands in the tree, wheel or sdist
        self.cython_directives = {"autotestdict": False}  # no __test__ that the stub would lack

    def build_extension(self, ext: Extension) -> None:
        versions = (pybind11.__version__, sys.version, platform.platform())
        switches = (ext.extra_compile_args, ext.define_macros, self.cython_directives)
        made_with = repr((versions, switches))
        digest = hashlib.sha256(made_with.encode()).hexdigest()[:8]
        # Not setuptools' folder: pip takes another for every editable installation.
        shared_temp, self.build_temp = self.build_temp, f"build/objects/{ext.name}-{digest}"
        # Staleness is judged object by object; a module linked under other switches must go.
        Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
        try:
            super().build_extension(ext)
        finally:
            self.build_temp = shared_temp


def is_stale(obj: str, source: str) -> bool:
    made = Path(obj).stat().st_mtime_ns
    return any(Path(path).stat().st_mtime_ns >= made for path in (source, *HEADERS))


engines = [
    extension(f"_engine_{level}", ["csrc/bindings/engine.cpp", *SOURCES], level)
    for level in LEVELS
    if IS_X86_64 or level == "baseline"
]
kernels = extension("_kernels", ["csrc/kernels/_kernels.pyx"], "baseline")

with ParallelCompile("VOICEANON_JOBS", default=2, needs_recompile=is_stale):
    setup(ext_modules=[*engines, kernels], cmdclass={"build_ext": BuildExt})
