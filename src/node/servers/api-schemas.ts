/** What the service's calls take and give, as its OpenAPI document describes them. */

const text = { type: 'string' } as const;
const number = { type: 'number' } as const;
const triple = { type: 'array', items: number, minItems: 3, maxItems: 3 } as const;

/** Every error has a sentence. */
const descriptions: Readonly<Record<number, string>> = {
  400: 'The request or the file is not what is expected',
  401: 'The token is missing or wrong',
  404: 'There is no such image or lesion',
  410: 'The image was not used for a while and made room for others',
  413: 'The image takes more memory than the service allows',
  415: 'The body is of another media type',
  503: 'Images in use leave no room for another',
};

function problems(...statuses: readonly number[]) {
  return Object.fromEntries(
    [400, 401, ...statuses].map((status) => [
      status,
      { description: descriptions[status]!, type: 'object', properties: { message: text } },
    ]),
  );
}

const ids = (...names: readonly string[]) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, text])),
});

const places = (least: number, most?: number) => ({
  type: 'array',
  items: triple,
  minItems: least,
  ...(most && { maxItems: most }),
});
const label = { type: 'string', enum: ['foreground', 'background'] };
const labelled = (name: string, least: number, description: string) => ({
  type: 'object',
  description,
  required: ['label', name],
  additionalProperties: false,
  properties: { label, [name]: places(least) },
});

/** As `Click` has it. */
const click = {
  oneOf: [
    { ...triple, description: 'a click in the lesion' },
    labelled('places', 1, 'clicks in the lesion, or beside it'),
    labelled('stroke', 1, 'a line through places in the lesion, or beside it'),
    labelled('lasso', 3, 'a closed line in one slice, round places in the lesion, or beside it'),
    {
      type: 'object',
      description: 'two opposite corners of a box round the lesion',
      required: ['box'],
      additionalProperties: false,
      properties: { box: places(2, 2) },
    },
  ],
} as const;

export const schemas = {
  addImage: {
    summary: "A volume, as the request's body",
    description: 'The body is the file itself, of any content type or none.',
    querystring: {
      type: 'object',
      required: ['name'],
      properties: {
        name: {
          ...text,
          description: 'its ending says the format: .nii, .nii.gz, .nrrd, .mha; another is a DICOM file',
        },
      },
    },
    response: {
      200: {
        description: 'The image is held',
        type: 'object',
        properties: { id: text, dims: triple, spacing: triple, notes: { type: 'array', items: text } },
      },
      ...problems(413, 503),
    },
  },
  segment: {
    summary: 'The lesion under some clicks',
    params: ids('image'),
    body: {
      type: 'object',
      required: ['clicks'],
      properties: {
        clicks: { type: 'array', items: click, minItems: 1 },
        space: { type: 'string', enum: ['voxel', 'ras'], default: 'voxel' },
      },
    },
    response: {
      200: {
        description: 'What was found, and where its mask is',
        type: 'object',
        properties: {
          id: text,
          mask: text,
          voxels: number,
          millilitres: number,
          axialDiameterMm: number,
          diameterMm: number,
          milliseconds: number,
          precision: text,
        },
      },
      ...problems(404, 410, 415),
    },
  },
  mask: {
    summary: "A lesion's mask on the image's grid",
    params: ids('image', 'lesion'),
    response: {
      200: {
        description: 'NIfTI, compressed',
        content: { 'application/gzip': { schema: { type: 'string', format: 'binary' } } },
      },
      ...problems(404, 410),
    },
  },
  removeImage: {
    summary: 'Forgets a volume and its lesions',
    params: ids('image'),
    response: { 204: { description: 'It is forgotten', type: 'null' }, ...problems(404, 410) },
  },
} as const;

/** The upload's body: whatever its type, it is the file. */
export const uploadBody = {
  required: true,
  content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
} as const;
