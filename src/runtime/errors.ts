/** Base of every error that volsam throws on purpose; `name` tells the kind. */
export class VolsamError extends Error {
  override readonly name: string = 'VolsamError';
}

/** An argument or file is not what is expected; nothing was sent to the GPU. */
export class InputError extends VolsamError {
  override readonly name: string = 'InputError';
}

/** A model or an image has values that half precision cannot hold; in f32 it works. */
export class PrecisionError extends InputError {
  override readonly name = 'PrecisionError';
}

/** No adapter, or one that cannot run volsam. */
export class AdapterError extends VolsamError {
  override readonly name = 'AdapterError';
}

/** WebGPU refused or failed a call; the message carries the kernel's name and shapes. */
export class GpuError extends VolsamError {
  override readonly name = 'GpuError';
}

/** The device was lost while the call was pending. */
export class DeviceLostError extends VolsamError {
  override readonly name = 'DeviceLostError';
}
