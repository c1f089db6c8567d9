"""Line scans across a grain boundary: `lines` reads them, `analyse` finds the dip and its significance."""
