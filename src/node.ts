/** volsam in Node. */
export * from './library.ts';
export { openGpu } from './node/open-gpu.ts';
export { readNifti, readSafetensors } from './node/files.ts';
