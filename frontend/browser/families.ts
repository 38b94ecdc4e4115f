/* Families of measures of single models, as the choice of columns names them. */
export const FAMILIES: [string, string][] = [
  ["", "Key columns"],
  ["landscape", "Sharpness"],
  ["calibration", "Accuracy and calibration"],
  ["robustness", "Robustness"],
  ["weights", "Weights"],
  ["geometry", "Geometry"],
  ["given", "Given"],
  ["all", "All"],
  ["none", "None"],
];
