/** What both entries export: everything that needs neither Node nor a page. */
export { Sam3D, type Embedding, type MemoryNeed, type PredictOptions, type Sam3DOptions } from './volsam/sam3d.ts';
export type { TapValue } from './volsam/taps.ts';
export { Trainer, type Example, type StepResult, type TrainerOptions, type TrainerState } from './volsam/trainer.ts';
export type { Gradients } from './volsam/gradients.ts';
export type { Point, Volume } from './volsam/inputs.ts';
export { segmentImage, segmentLesions, type FoundLesion, type LesionsSegmentation, type SegmentImageOptions, type Segmentation } from './volsam/segment.ts';
export { createSession, type Click, type SegmentedLesion, type SegmentOptions, type Session, type SessionOptions, type Stage } from './volsam/session.ts';
export { teach, type Taught, type TeachingOptions } from './volsam/teaching.ts';
export { paint, type LesionMask } from './volsam/lesion-mask.ts';
export { measuresOf, statisticsOf, type LesionMeasures, type LesionStatistics } from './volsam/lesion-measures.ts';
export { parsePreset, presets, type Preset } from './volsam/preset.ts';
export { configs, type Config } from './model/config.ts';
export { formatNifti, parseNifti, type NiftiImage } from './files/nifti.ts';
export { formatSafetensors, parseSafetensors, withTensors, type ByteSource, type TensorFile } from './files/safetensors.ts';
export { profile, type DispatchTiming, type Profile } from './runtime/profiler.ts';
export { AdapterError, DeviceLostError, GpuError, InputError, VolsamError } from './runtime/errors.ts';
export type { Gpu } from './runtime/gpu.ts';
export type { OpenOptions } from './runtime/tuner.ts';
