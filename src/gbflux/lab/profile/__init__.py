"""Line scans across a grain boundary: steps and dips, with their significance."""
