(() => {
  // electrodes to turn: coloured facets, current density as relief, lit by their slope
  const vertex = `#version 300 es
    in vec3 place; in float value, height;
    uniform mat3 turn; uniform vec3 size; uniform float zoom, relief, aspect;
    flat out float v; out vec3 spot;
    void main() {
      vec3 p = (place - .5) * size; // the box, its longest edge 1
      p.z += sign(place.z - .5) * relief * .35 * height;
      spot = turn * p; v = value;
      float w = 2.6 - spot.y;
      gl_Position = vec4(spot.x * zoom / aspect, spot.z * zoom, .1 * spot.y * -w + w * .2, w);
    }`;
  const fragment = `#version 300 es
    precision highp float;
    flat in float v; in vec3 spot; uniform sampler2D colours; uniform float edge; uniform vec3 ink; out vec4 colour;
    void main() {
      vec3 n = normalize(cross(dFdx(spot), dFdy(spot)));
      float light = mix(.62 + .38 * abs(dot(n, normalize(vec3(.4, .8, .5)))), 1., edge);
      colour = vec4(mix(texture(colours, vec2(v * .984 + .008, .5)).rgb, ink, edge) * light, 1.);
    }`;
  const numbers = (text, Kind) => new Kind(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

  const compile = (gl) => {
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    return program;
  };

  // one corner after another: place, value of its facet, height
  const corners = (surface) => {
    const points = numbers(surface.points, Uint16Array), facets = numbers(surface.facets, Uint32Array);
    const values = numbers(surface.values, Uint16Array), heights = numbers(surface.heights, Uint16Array);
    return Array.from(facets, (p, k) => [
      points[3 * p], points[3 * p + 1], points[3 * p + 2], values[Math.floor(k / 3)], heights[p]].map((x) => x / 65535)).flat();
  };
  const box = () => {
    const ends = [];
    for (let k = 0; k < 8; k += 1) {
      for (const bit of [1, 2, 4]) if (!(k & bit)) for (const c of [k, k | bit]) ends.push(c & 1, (c >> 1) & 1, c >> 2, 0, 0);
    }
    return ends;
  };

  for (const figure of document.querySelectorAll(".view3d")) {
    const canvas = figure.querySelector("canvas"), slider = figure.querySelector("input");
    const gl = canvas.getContext("webgl2", { preserveDrawingBuffer: true, antialias: true });
    if (!gl) {
      canvas.replaceWith(Object.assign(document.createElement("p"), { textContent: "This browser has no WebGL 2: nothing to turn here." }));
      continue;
    }
    const data = JSON.parse(figure.dataset.view), program = compile(gl);
    const facets = data.surfaces.flatMap(corners), lines = box();
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(facets.concat(lines)), gl.STATIC_DRAW);
    for (const [name, width, offset] of [["place", 3, 0], ["value", 1, 12], ["height", 1, 16]]) {
      const at = gl.getAttribLocation(program, name);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, width, gl.FLOAT, false, 20, offset);
    }
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, data.colours.length, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, new Uint8Array(data.colours.flat()));
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.enable(gl.DEPTH_TEST);
    const at = (name) => gl.getUniformLocation(program, name);
    const longest = Math.max(...data.size), view = { around: .6, up: .55, zoom: 2.6 };

    const draw = () => {
      const scale = devicePixelRatio || 1;
      canvas.width = Math.round(canvas.clientWidth * scale);
      canvas.height = Math.round(canvas.clientHeight * scale);
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      const [c, s, d, t] = [Math.cos(view.around), Math.sin(view.around), Math.cos(view.up), Math.sin(view.up)];
      // x to the right, z up, y towards the eye; by columns
      gl.uniformMatrix3fv(at("turn"), false, [c, -s * d, -s * t, s, c * d, c * t, 0, -t, d].map((x, k) => k % 3 === 1 ? -x : x));
      gl.uniform3fv(at("size"), data.size.map((x) => x / longest));
      gl.uniform1f(at("zoom"), view.zoom);
      gl.uniform1f(at("relief"), Number(slider.value));
      gl.uniform1f(at("aspect"), canvas.width / canvas.height);
      gl.uniform3fv(at("ink"), [.55, .56, .6]);
      gl.uniform1f(at("edge"), 0);
      gl.drawArrays(gl.TRIANGLES, 0, facets.length / 5);
      gl.uniform1f(at("edge"), 1);
      gl.drawArrays(gl.LINES, facets.length / 5, lines.length / 5);
      canvas.dataset.drawn = "yes";
    };
    const move = (around, up, zoom = 1) => {
      view.around += around;
      view.up = Math.max(-1.55, Math.min(1.55, view.up + up));
      view.zoom = Math.max(.8, Math.min(12, view.zoom * zoom));
      requestAnimationFrame(draw);
    };
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) move(event.movementX * .01, event.movementY * .01); });
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); move(0, 0, Math.exp(-event.deltaY * .001)); }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-.1, 0], ArrowRight: [.1, 0], ArrowUp: [0, -.1], ArrowDown: [0, .1], "+": [0, 0, 1.1], "-": [0, 0, 1 / 1.1] }[event.key];
      if (step) { event.preventDefault(); move(...step); }
    });
    slider.addEventListener("input", () => requestAnimationFrame(draw));
    addEventListener("resize", () => requestAnimationFrame(draw));
    draw();
  }
})();
