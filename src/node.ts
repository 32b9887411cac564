/** volsam in Node. */
export * from './library.ts';
export { openGpu } from './node/gpu/open-gpu.ts';
export { readNifti, readVolume, type VolumeFile, writeVolume } from './node/files/volume-file.ts';
export { readSafetensors, readWeights } from './node/files/weights-file.ts';
