"""Best-response regions: exact enumeration and the dense table it returns."""

from jaxstack.regions.clipping import enumerate_regions
from jaxstack.regions.estimate import estimate_regions
from jaxstack.regions.table import RegionTable

__all__ = ["RegionTable", "enumerate_regions", "estimate_regions"]
