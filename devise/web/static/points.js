// A hundred thousand points by WebGL: places and colours go to the graphics card once, a view is three numbers.

const VERTEX = `
attribute vec2 place; attribute vec3 colour; attribute float light;
uniform vec2 middle; uniform vec2 scale; uniform float size;
varying vec4 shade;
void main() {
  vec2 at = (place - middle) * scale;
  gl_Position = vec4(at.x, -at.y, 0.0, 1.0);
  gl_PointSize = size * (light > 0.5 ? 1.0 : 0.7);
  shade = vec4(colour, light > 0.5 ? 0.85 : 0.13);
}`;
const FRAGMENT = `
precision mediump float; varying vec4 shade;
void main() {
  float edge = smoothstep(0.5, 0.38, length(gl_PointCoord - 0.5));
  gl_FragColor = vec4(shade.rgb, 1.0) * shade.a * edge;
}`;

// As .colour-0 to .colour-11 of app.css
const COLOURS = ["#c05a33", "#3d7ea6", "#7a9a3a", "#a8559a", "#d19a2a", "#3f9a8a", "#8a6fc0", "#c0506a", "#5a8a5a", "#b07a4a", "#5a74b8", "#9a8a3a"];

export class Points {
  constructor(canvas, { x, y, group }) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl", { antialias: true, premultipliedAlpha: true });
    if (!this.gl) throw Object.assign(new Error("this browser draws no map (WebGL is off)"), { remedy: "turn on hardware acceleration" });
    const gl = this.gl;
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.put("place", 2, Float32Array.from({ length: 2 * x.length }, (_, at) => (at % 2 ? y : x)[at >> 1]));
    this.colour(group);
    this.lights = new Float32Array(x.length).fill(1);
    this.put("light", 1, this.lights);
  }

  // group: of each point the number
  colour(group) {
    const shades = COLOURS.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255));
    const colours = new Float32Array(3 * group.length);
    group.forEach((number, at) => colours.set(shades[number % shades.length], 3 * at));
    this.put("colour", 3, colours);
  }

  put(name, width, numbers) {
    const { gl } = this;
    this.buffers ??= {};
    this.buffers[name] ??= gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, numbers, gl.DYNAMIC_DRAW);
    const place = gl.getAttribLocation(this.program, name);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, width, gl.FLOAT, false, 0, 0);
  }

  // isLit: of the point with a number
  light(isLit) {
    for (let at = 0; at < this.lights.length; at++) this.lights[at] = isLit(at) ? 1 : 0;
    this.put("light", 1, this.lights);
  }

  draw(view, side, count) {
    const { gl, canvas } = this;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const uniform = (name) => gl.getUniformLocation(this.program, name);
    gl.uniform2f(uniform("middle"), view.x, view.y);
    gl.uniform2f(uniform("scale"), (2 * view.zoom * side * ratio) / width, (2 * view.zoom * side * ratio) / height);
    const size = (count > 20000 ? 3 : count > 3000 ? 5 : 8) * Math.min(2.2, view.zoom ** 0.35);
    gl.uniform1f(uniform("size"), size * ratio);
    gl.drawArrays(gl.POINTS, 0, count);
  }
}
