"""Programs as XLA compiles them for an H100, on a machine without one, and the memory that a round moves.

Where JAX's CUDA plugin is installed, XLA compiles for a card that it is only told about. Nothing runs and
nothing is timed, but which kernels a round is made of, and which arrays each of them reads and writes whole,
is what it would be on the card; kernels for matrix products alone are chosen otherwise there.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

import jaxstack as js
from jaxstack._settings import pinned
from jaxstack.simulation import compiled, prepare

BANDWIDTH = 3.35e12  # bytes of memory per second, by the data sheet
_CARD = """
gpu_device_info {
  threads_per_block_limit: 1024  threads_per_warp: 32  threads_per_core_limit: 2048
  shared_memory_per_block: 49152  shared_memory_per_block_optin: 232448  shared_memory_per_core: 233472
  registers_per_core_limit: 65536  registers_per_block_limit: 65536
  core_count: 132  fpus_per_core: 128  clock_rate_ghz: 1.98
  block_dim_limit_x: 2147483647  block_dim_limit_y: 65535  block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000  l2_cache_size: 52428800  device_memory_size: 84929347584
  cuda_compute_capability { major: 9 }
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 7 }
runtime_version { major: 12 minor: 8 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
_NO_CARD = {"xla_gpu_enable_triton_gemm": False}  # its tiles are chosen by what a card supports

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_INSTRUCTION = re.compile(r"^\s*(ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*)$")
_ARRAY = re.compile(r"\b([a-z]+)(\d*)\w*\[([\d,]*)\]")
_NO_KERNEL = {"parameter", "get-tuple-element", "tuple", "bitcast", "constant", "fusion-done", "while"}
_PARTS = {"gather", "dynamic-slice", "slice"}  # read no more of their first operand than they return
_IN_PLACE = {"dynamic-update-slice", "scatter"}  # write no more of their first operand than they are given


def why_not() -> str | None:
    """Why nothing can be compiled for the card here, or None."""
    try:
        card()
    except (RuntimeError, NotImplementedError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return (
            f"no compiler for GPUs here ({reason}). Where no GPU is: pip install "
            "'jaxstack[cuda12]', then JAX_PLATFORMS=cpu python -m experiments.benchmarks --only traffic"
        )
    return None


@functools.cache
def card() -> SingleDeviceSharding:
    """Where arrays are that an H100 holds."""
    described = topologies.get_topology_desc(platform="cuda", target_config=_CARD, topology="1x1x1")
    return SingleDeviceSharding(described.devices[0])


def compiled_blocks(learner: str, game: js.Game, types: Any, table: js.RegionTable, num_runs: int) -> str:
    """The program that plays blocks of rounds of a tile of so many runs, as text."""
    chosen = js.learners.by_name(learner)
    setup = prepare(jax.random.key(0), game, types, chosen, horizon=1000, table=table, hparams=None)

    def there(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=card())

    shapes = compiled.shapes(setup.learner, setup.inputs, num_runs), setup.inputs
    carry, inputs = jax.tree.map(there, jax.eval_shape(lambda *both: both, *shapes))
    runs, block = (jax.ShapeDtypeStruct(shape, np.int32, sharding=card()) for shape in ((num_runs,), ()))
    options = compiled.SAME_ARITHMETIC["gpu"] | _NO_CARD
    program = jax.jit(
        compiled.play_blocks, static_argnums=0, donate_argnames="carry", compiler_options=options
    )
    with pinned():
        traced = program.trace(setup.learner, carry, inputs, runs, block, block)
        return str(traced.lower(lowering_platforms=("cuda",)).compile().as_text())


class Instruction(NamedTuple):
    """One line of a program: its result, what it does, and to what."""

    name: str
    shape: str
    operation: str
    operands: list[str]
    calls: str  # the computation of a fusion
    is_root: bool


def kernels_of_a_round(program: str) -> dict[str, int]:
    """Bytes that each kernel of the innermost loop reads and writes, by its name.

    What is read or written in part (gathered, updated in place) counts as much as is touched.
    """
    computations = _computations(program)
    bodies = re.findall(r"\bbody=%?([\w.\-]+)", program)
    innermost = next(
        name
        for name in bodies
        if not any(inner.operation == "while" for inner in computations[name])
        and any("dynamic-update-slice" in _operations(computations, inner) for inner in computations[name])
    )
    body = {each.name: each for each in computations[innermost]}
    return {
        each.name: _traffic(each, body, computations)
        for each in body.values()
        if each.operation not in _NO_KERNEL
    }


def _computations(program: str) -> dict[str, list[Instruction]]:
    found: dict[str, list[Instruction]] = {}
    inside: list[Instruction] = []
    for line in program.splitlines():
        if heading := _COMPUTATION.match(line):
            inside = found.setdefault(heading[1], [])
        elif match := _INSTRUCTION.match(line):
            root, name, shape, operation, rest = match.groups()
            operands, _, attributes = rest.partition(")")
            calls = re.search(r"\bcalls=%?([\w.\-]+)", attributes)
            names = re.findall(r"%([\w.\-]+)", operands) if operation != "parameter" else [operands]
            inside.append(Instruction(name, shape, operation, names, calls[1] if calls else "", bool(root)))
    return found


def _operations(computations: dict[str, list[Instruction]], kernel: Instruction) -> set[str]:
    return {each.operation for each in computations.get(kernel.calls, [kernel])}


def _traffic(
    kernel: Instruction, body: dict[str, Instruction], computations: dict[str, list[Instruction]]
) -> int:
    sizes = [_bytes(body[operand].shape) for operand in kernel.operands]
    if not kernel.calls:
        return sum(sizes) + _bytes(kernel.shape)
    inside = {each.name: each for each in computations[kernel.calls]}
    read = sum(
        min(sizes[int(each.operands[0])], _read(each.name, inside))
        for each in inside.values()
        if each.operation == "parameter"
    )
    (root,) = (each for each in inside.values() if each.is_root)
    results = root.operands if root.operation == "tuple" else [root.name]
    return read + sum(_written(inside[name], inside) for name in results)


def _read(name: str, inside: dict[str, Instruction]) -> int:
    """Bytes of an array that those who use it read."""
    total = 0
    for user in inside.values():
        if name not in user.operands:
            continue
        first = user.operands[0] == name
        if user.operation == "bitcast":
            total += _read(user.name, inside)
        elif first and user.operation in _PARTS:
            total += _bytes(user.shape)
        elif not (first and user.operation in _IN_PLACE):
            total += _bytes(inside[name].shape)
    return total


def _written(result: Instruction, inside: dict[str, Instruction]) -> int:
    if result.operation == "bitcast":
        return _written(inside[result.operands[0]], inside)
    if result.operation in _IN_PLACE:
        update = result.operands[1 if result.operation == "dynamic-update-slice" else -1]
        return _bytes(inside[update].shape)
    return _bytes(result.shape)


def _bytes(shape: str) -> int:
    """Of an array, or of all arrays of a tuple; predicates have no number of bits in their name."""
    return sum(
        math.prod(int(size) for size in sizes.split(",") if size) * max(int(bits or 8) // 8, 1)
        for _, bits, sizes in _ARRAY.findall(shape)
    )
