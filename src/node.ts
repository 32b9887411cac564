/** volsam in Node. */
export * from './library.ts';
export { openGpu } from './node/gpu/open-gpu.ts';
export { readNifti, readSafetensors } from './node/files/disk.ts';
export { readVolume, writeVolume, type VolumeFile } from './node/files/volume-file.ts';
export { readWeights } from './node/files/weights-file.ts';
