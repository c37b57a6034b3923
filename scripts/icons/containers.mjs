// The two icon containers, both made of PNG files. ICO: Microsoft, "Icons" (ICONDIR, ICONDIRENTRY; PNG since
// Windows Vista). ICNS: 'icns', total length, then entries of a four-letter type, length and data.

/** @typedef {{ size: number, png: Buffer }} Picture size: width and height in pixels */

/** An ICO file; pictures may be 1 to 256 pixels wide. */
export function ico(/** @type {readonly Picture[]} */ pictures) {
  const header = Buffer.alloc(6 + 16 * pictures.length);
  header.writeUInt16LE(1, 2); // type: icon
  header.writeUInt16LE(pictures.length, 4);
  let offset = header.length;
  pictures.forEach(({ size, png }, index) => {
    const entry = 6 + 16 * index;
    header.writeUInt8(size % 256, entry); // width, 0 stands for 256
    header.writeUInt8(size % 256, entry + 1);
    header.writeUInt16LE(1, entry + 4); // colour planes
    header.writeUInt16LE(32, entry + 6); // bits a pixel
    header.writeUInt32LE(png.length, entry + 8);
    header.writeUInt32LE(offset, entry + 12);
    offset += png.length;
  });
  return Buffer.concat([header, ...pictures.map(({ png }) => png)]);
}

/**
 * ICNS types that hold a PNG, with their size in pixels. ic11 to ic14 are the double-resolution forms of 16, 32,
 * 128 and 256 points.
 */
export const icnsTypes = /** @type {const} */ ([
  ["icp4", 16],
  ["icp5", 32],
  ["ic11", 32],
  ["ic12", 64],
  ["ic07", 128],
  ["ic13", 256],
  ["ic08", 256],
  ["ic14", 512],
  ["ic09", 512],
  ["ic10", 1024],
]);

/** An ICNS file; throws when a size is missing. */
export function icns(/** @type {readonly Picture[]} */ pictures) {
  const entries = icnsTypes.map(([type, size]) => {
    const picture = pictures.find((one) => one.size === size);
    if (picture === undefined) throw new Error(`no picture of ${size} pixels for ${type}`);
    return icnsEntry(type, picture.png);
  });
  return icnsEntry("icns", Buffer.concat(entries));
}

/** Type, length including these eight bytes, data. */
function icnsEntry(/** @type {string} */ type, /** @type {Buffer} */ data) {
  const head = Buffer.alloc(8);
  head.write(type, "latin1");
  head.writeUInt32BE(8 + data.length, 4);
  return Buffer.concat([head, data]);
}
