/**
 * volsam's engine by itself: runtime, ops, model, weights and trainer, without any dependency and without Node. A host hands
 * it a device, its own or a fresh one; volumes and probabilities may stay on the GPU.
 */
export type { MemoryNeed } from './engine/memory-need.ts';
export { openDevice, useDevice, type UseDeviceOptions } from './runtime/open-device.ts';
export type { AdapterDescription, Gpu, MemoryAccount } from './runtime/gpu.ts';
export { createTuning, type OpenOptions, type Tuning, type TuningStore } from './runtime/tuner.ts';
export { Sam3D, type Embedding, type PredictOptions, type Sam3DOptions } from './engine/sam3d.ts';
export { keepModel, type KeptModel, type KeptModelOptions } from './engine/kept-model.ts';
export {
  Trainer,
  type Correct,
  type Example,
  type ExampleInput,
  type StepOptions,
  type StepResult,
  type TrainerOptions,
  type TrainerState,
} from './engine/trainer.ts';
export type { Gradients } from './engine/gradients.ts';
export type { Point, PromptPoint, Volume, VolumeInput } from './engine/inputs.ts';
export type { TapValue } from './engine/taps.ts';
export { configNamed, configOf, configs, parameterShapes, type Config } from './model/config.ts';
export { adaptations, isTrainable, type Adaptation } from './model/adaptation.ts';
export { completedWeights } from './model/initial-weights.ts';
export {
  formatSafetensors,
  parseSafetensors,
  withTensors,
  type ByteSource,
  type TensorFile,
} from './formats/safetensors.ts';
export { profile, type DispatchTiming, type Profile } from './runtime/profiler.ts';
export { formatTrace } from './engine/profile-summary.ts';
export { AdapterError, DeviceLostError, GpuError, InputError, VolsamError } from './runtime/errors.ts';
export { bufferOf, createTensor, destroyTensor, readTensor, writeTensor, type Tensor } from './runtime/tensor.ts';
export { createRecorder, targetOf, type Recorder, type RecordingTarget } from './runtime/recorder.ts';
export { finishPlan, type Plan, type ReplayOptions } from './runtime/plan.ts';
export { defineKernel, type Element, type Kernel, type Precision } from './kernels/kernel.ts';
