// One click in a volume gives a mask: node examples/node.mjs ct.nii.gz model.safetensors 120,88,40 mask.nii.gz
import { openGpu, presets, readVolume, readWeights, Sam3D, segmentImage, writeVolume } from 'volsam';

const [imagePath, weightsPath, click, maskPath] = process.argv.slice(2);
const gpu = await openGpu();
const sam = await Sam3D.create(gpu, await readWeights(weightsPath));

// A whole file, on its own grid:
const { image } = await readVolume(imagePath);
const { mask, millilitres } = await segmentImage(sam, image, [click.split(',').map(Number)], presets.kits);
await writeVolume(maskPath, image, mask);
console.log(`${millilitres.toFixed(2)} ml`);

// Or the network by itself, on a normalised cube (D, H, W) with clicks (d, h, w); the encoder runs once for all of them:
const side = sam.config.crop;
const embedding = await sam.embed({ data: new Float32Array(side ** 3), shape: [side, side, side] });
const { logits } = await sam.decode(embedding, [[8, 8, 8]]); // (classes, D, H, W); null for clicks: the automatic variant
console.log(`${logits.length} logits`);
gpu.close(); // frees everything; so does `using gpu = await openGpu()` where the language has it
