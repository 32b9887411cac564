/** How SAM's encoder is adapted to volumes, and which of its tensors that trains: the paper's, and others to compare it with. */

/**
 * - `spatial`: bottleneck adapters with a depthwise convolution, norms and the depth axis' position table (the paper's own)
 * - `bottleneck`: the same adapters without the convolution (Houlsby et al., 2019)
 * - `lora`: a low-rank addition to qkv (Hu et al., 2021), and the depth axis' position table
 * - `frozen`: the whole encoder stays as it is; only necks, prompt encoder and decoder are trained
 */
export const adaptations = ['spatial', 'bottleneck', 'lora', 'frozen'] as const;

export type Adaptation = (typeof adaptations)[number];

/** What is new in volumes, outside of the blocks: the embeddings of slices and depth. */
const embeddings = 'depth_embed$|slice_embed\\.';

const trainedInEncoder: Readonly<Record<Adaptation, RegExp>> = {
  spatial: new RegExp(`^encoder\\.(${embeddings}|neck_3d\\.|.*(\\.norm[12]\\.|\\.adapter\\.|attn\\.rel_pos_d))`),
  bottleneck: new RegExp(`^encoder\\.(${embeddings}|neck_3d\\.|.*(\\.norm[12]\\.|\\.adapter\\.|attn\\.rel_pos_d))`),
  lora: new RegExp(`^encoder\\.(${embeddings}|neck_3d\\.|.*(\\.lora_[ab]\\.|attn\\.rel_pos_d))`),
  frozen: /^encoder\.neck_3d\./,
};

/** What fine-tuning updates; every other parameter stays as it was. @param name in the checkpoint */
export function isTrainable(name: string, { adaptation }: { readonly adaptation: Adaptation }): boolean {
  return !name.startsWith('encoder.') || trainedInEncoder[adaptation].test(name);
}

/** Whether SAM's own checkpoint has a tensor, so that nothing else can stand in for it. */
export function isOfSam(name: string): boolean {
  return /^encoder\.(patch_embed\.|pos_embed$|blocks\.\d+\.(norm[12]\.|mlp\.|attn\.(qkv\.(weight|bias)$|proj\.|rel_pos_[hw]$)))/.test(
    name,
  );
}

/** The adaptation that a checkpoint's tensors show; undefined of SAM's own encoder, which has none yet. */
export function adaptationIn(names: Iterable<string>): Adaptation | undefined {
  const all = [...names];
  const has = (part: string) => all.some((name) => name.includes(part));
  return has('.adapter.conv.')
    ? 'spatial'
    : has('.adapter.')
      ? 'bottleneck'
      : has('.lora_a.')
        ? 'lora'
        : has('decoder.')
          ? 'frozen'
          : undefined;
}
