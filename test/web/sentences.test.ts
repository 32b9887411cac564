import { expect, test } from 'vitest';
import { AdapterError, DeviceLostError, GpuError, InputError } from '../../src/runtime/errors.ts';
import { sentenceOf } from '../../src/web/sentences.ts';

test('each kind of failure says what happened and what to do', () => {
  expect(sentenceOf(new DOMException('aborted', 'AbortError'))).toBeNull();
  expect(sentenceOf(new InputError('scan.nii: cut short'))).toBe('scan.nii: cut short.');
  expect(sentenceOf(new AdapterError('this browser has no WebGPU'))).toMatch(
    /^This browser has no WebGPU\. Use a current Chrome/,
  );
  expect(sentenceOf(new DeviceLostError('the GPU device was lost'))).toMatch(/^The GPU device was lost\. Click again/);
  expect(sentenceOf(new GpuError('buffer arena 0 needs 300000000 bytes; this device gives at most 268435456'))).toMatch(
    /^The GPU has too little memory or too small limits/,
  );
  expect(sentenceOf(new GpuError('arena of 5 bytes: Out of memory'))).toMatch(/Close other pages/);
  expect(sentenceOf(new GpuError('linear: invalid'))).toBe(
    'Linear: invalid. Try again; if it comes back, reload the page.',
  );
  expect(sentenceOf('odd')).toContain('Odd.');
});
