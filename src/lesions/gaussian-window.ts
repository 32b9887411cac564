/** How much a crop counts where crops overlap: most in its middle, little at its border, where the network sees least. */

/** Of a window's side; the usual choice of sliding-window inference (nnU-Net, MONAI). */
const sigmaShare = 1 / 8;

/** @returns weights along one axis of a window of `side` voxels; a voxel's weight is the product of its three */
export function gaussianWindow(side: number): Float64Array {
  const middle = (side - 1) / 2;
  return Float64Array.from({ length: side }, (_, at) => Math.exp(-(((at - middle) / (sigmaShare * side)) ** 2) / 2));
}
