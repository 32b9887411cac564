/** What the entries for Node and for pages export beside the engine: everything else that needs neither. */
export * from './core.ts';
export { segmentImage, segmentLesions, type FoundLesion, type LesionsSegmentation, type SegmentImageOptions, type Segmentation } from './volsam/segment.ts';
export { segmentAutomatically, type AutomaticOptions, type AutomaticSegmentation } from './volsam/automatic.ts';
export { createSession, type Click, type SegmentedLesion, type SegmentOptions, type Session, type SessionOptions, type Stage } from './volsam/session.ts';
export { teach, type Taught, type TeachingOptions } from './volsam/teaching.ts';
export { paint, type LesionMask } from './volsam/lesion-mask.ts';
export { measuresOf, statisticsOf, type LesionMeasures, type LesionStatistics } from './volsam/lesion-measures.ts';
export { parsePreset, presets, type Preset } from './volsam/preset.ts';
export { formatNifti, parseNifti, type NiftiImage } from './files/nifti.ts';
