/** The checks as functions of a page. */
import { openDevice } from 'volsam/core';
import { firstPrediction, goldenErrors } from './engine.ts';

const golden = async () => new Uint8Array(await (await fetch('tiny.safetensors')).arrayBuffer());

Object.assign(globalThis, {
  goldens: async () => {
    using gpu = await openDevice(navigator.gpu);
    return { adapter: gpu.adapter.name, ...(await goldenErrors(gpu, await golden())) };
  },
  cold: async () => firstPrediction(() => openDevice(navigator.gpu), await golden()),
});
