/** What the entries for Node and for pages export beside the engine: everything else that needs neither. */
export type { BoxClick, Click, LabelledClick, LassoClick, Place, StrokeClick } from './formats/click.ts';
export * from './core.ts';
export {
  segmentImage,
  segmentLesions,
  type FoundLesion,
  type LesionsSegmentation,
  type SegmentImageOptions,
  type Segmentation,
} from './lesions/segment.ts';
export { segmentAutomatically, type AutomaticOptions, type AutomaticSegmentation } from './lesions/automatic.ts';
export {
  createSession,
  type SegmentedLesion,
  type SegmentOptions,
  type Session,
  type SessionOptions,
  type Stage,
} from './lesions/session.ts';
export { teach, type Taught, type TeachingOptions } from './teaching/teaching.ts';
export { paint, type LesionMask } from './lesions/lesion-mask.ts';
export { measuresOf, statisticsOf, type LesionMeasures, type LesionStatistics } from './lesions/lesion-measures.ts';
export { parsePreset, presets, type Preset } from './volume/preset.ts';
export { parseNifti, type NiftiImage } from './formats/nifti.ts';
export { formatNifti } from './formats/nifti-output.ts';
