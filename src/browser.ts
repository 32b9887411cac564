/** volsam in a page. */
export * from './library.ts';
export { openGpu } from './browser/open-gpu.ts';
export { readSafetensors } from './browser/weights-file.ts';
