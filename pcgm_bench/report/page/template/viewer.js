"use strict";

// The images of one person side by side on one cross-hair. Everything is in this file: nothing is fetched.
const STAND_ALONE = { factual: null, made: "made_change", truth: "truth_change" };
const LEAST_SHOWN = 0.02;

class Viewer {
  constructor(section) {
    this.section = section;
    this.views = [];
    this.full = section.querySelector("#viewer-full");
    this.difference = section.querySelector("#viewer-difference");
    this.planes = section.querySelector("#viewer-planes");
    this.sliders = [...section.querySelectorAll("input[data-axis]")];
  }

  async start() {
    for (const canvas of this.section.querySelectorAll("canvas[data-image]")) {
      const nv = new niivue.Niivue({
        backColor: [0, 0, 0, 1], crosshairColor: [0.45, 0.85, 0.45, 0.8], crosshairWidth: 0.3, dragAndDropEnabled: false,
        isColorbar: false, isOrientationTextVisible: true, loadingText: "", logLevel: "error",
        multiplanarShowRender: niivue.SHOW_RENDER.NEVER, scrollRequiresFocus: true, showAllOrientationMarkers: true, show3Dcrosshair: false,
        fontColor: [1, 1, 1, 1], fontMinPx: 14,
      });
      nv.addColormap("pcgm-brighter", { R: [255, 240, 214], G: [222, 140, 60], B: [170, 60, 0], A: [0, 190, 255], I: [0, 110, 255] });
      nv.addColormap("pcgm-darker", { R: [190, 80, 20], G: [220, 160, 90], B: [255, 245, 220], A: [0, 190, 255], I: [0, 110, 255] });
      await nv.attachToCanvas(canvas);
      nv.onLocationChange = (place) => this.follow(place.frac);
      this.views.push({ nv, image: canvas.dataset.image });
    }
    for (const view of this.views) {
      view.nv.broadcastTo(this.views.filter((other) => other !== view).map((other) => other.nv), { "2d": true, "3d": false });
    }
    for (const button of this.section.querySelectorAll("button[data-rank]")) {
      button.addEventListener("click", () => this.show(button.dataset.rank));
    }
    this.difference.addEventListener("change", () => this.draw());
    this.full.addEventListener("input", () => this.draw());
    this.planes.addEventListener("change", () => this.draw());
    for (const slider of this.sliders) slider.addEventListener("input", () => this.move());
  }

  // Load a person's images into all views.
  async show(rank) {
    const source = this.section.querySelector(`script.volumes[data-rank="${rank}"]`);
    if (!source) return;
    const volumes = JSON.parse(source.textContent);
    for (const { nv, image } of this.views) {
      while (nv.volumes.length) nv.removeVolumeByIndex(0);
      if (!volumes[image]) continue;
      const base = { base64: volumes[image], name: `${image}.nii.gz`, colormap: "gray", cal_min: 0, cal_max: 1.2 };
      nv.addVolume(await niivue.NVImage.loadFromBase64(base));
      const change = volumes[STAND_ALONE[image]];
      if (change) {
        const over = { base64: change, name: "change.nii.gz", colormap: "pcgm-brighter", cal_min: LEAST_SHOWN, cal_max: 0.25 };
        nv.addVolume(await niivue.NVImage.loadFromBase64(over));
        nv.setColormapNegative(nv.volumes[1].id, "pcgm-darker");
      }
    }
    for (const button of this.section.querySelectorAll("button[data-rank]")) {
      button.setAttribute("aria-pressed", String(button.dataset.rank === String(rank)));
    }
    for (const row of document.querySelectorAll("#people-table tbody tr")) {
      row.classList.toggle("shown", row.id === `person-${rank}`);
    }
    this.section.dataset.shown = rank;
    this.draw();
    this.move();
  }

  // Planes, overlay and its scale, as they are set.
  draw() {
    const full = Number(this.full.value);
    this.section.querySelector("#viewer-full-value").textContent = full.toFixed(2);
    for (const mark of this.section.querySelectorAll(".scale .end")) mark.textContent = full.toFixed(2);
    for (const { nv } of this.views) {
      nv.setSliceType(Number(this.planes.value));
      if (nv.volumes.length < 2) continue;
      nv.volumes[1].cal_max = full;
      nv.volumes[1].cal_maxNeg = -full;
      nv.volumes[1].cal_minNeg = -LEAST_SHOWN;
      nv.setOpacity(1, this.difference.checked ? 1 : 0);
      nv.updateGLVolume();
    }
  }

  // All views to the place of the sliders.
  move() {
    const place = this.sliders.map((slider) => Number(slider.value));
    for (const { nv } of this.views) {
      nv.scene.crosshairPos = place;
      nv.drawScene();
    }
  }

  // The sliders, and the other views, to the place that was pointed at.
  follow(place) {
    if (!place) return;
    this.sliders.forEach((slider, axis) => { slider.value = place[axis]; });
  }
}

async function startViewer() {
  const section = document.getElementById("viewer");
  if (!section) return;
  if (!document.createElement("canvas").getContext("webgl2")) {
    section.classList.add("stills-only");
    return;
  }
  const viewer = new Viewer(section);
  await viewer.start();
  for (const button of document.querySelectorAll("#people-table button[data-rank]")) {
    button.addEventListener("click", async () => {
      await viewer.show(button.dataset.rank);
      section.scrollIntoView();
      section.querySelector(`button[data-rank="${button.dataset.rank}"]`).focus({ preventScroll: true });
    });
  }
  await viewer.show(section.querySelector("button[data-rank]").dataset.rank);
}

startViewer();
