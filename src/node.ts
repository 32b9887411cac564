/** volsam in Node. */
export * from './library.ts';
export { openGpu } from './node/open-gpu.ts';
export { readNifti, readSafetensors } from './node/files.ts';
export { readVolume, writeVolume, type VolumeFile } from './node/volume-file.ts';
export { readWeights } from './node/weights-file.ts';
