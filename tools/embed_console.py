#!/usr/bin/env python3
"""Embeds the built console into the program.

  embed_console.py --dist DIR|'' --fallback PAGE --extra PATH=FILE --asm OUT.S --table OUT.c --dep OUT.d

Writes assembly that includes each file's bytes (.incbin: no compiler ever sees them) and a table in C,
sorted by path. Compressed forms are kept only where they are smaller by a tenth. Same input, same output.
"""
import argparse
import gzip
import hashlib
import os
import re
import subprocess

TYPES = {
    '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
    '.mjs': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
    '.json': 'application/json', '.map': 'application/json', '.svg': 'image/svg+xml',
    '.png': 'image/png', '.ico': 'image/x-icon', '.webp': 'image/webp', '.woff2': 'font/woff2',
    '.txt': 'text/plain; charset=utf-8', '.webmanifest': 'application/manifest+json',
    '.wasm': 'application/wasm',
}
PACKED = {'.png', '.woff2', '.webp', '.ico'}
HASHED = re.compile(r'[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$')


def brotli(data):
    return subprocess.run(['brotli', '-q', '11', '-c', '-'], input=data, stdout=subprocess.PIPE, check=True).stdout


def files_of(args):
    out = {}
    if args.dist and os.path.isfile(os.path.join(args.dist, 'index.html')):
        for folder, _, names in os.walk(args.dist):
            for name in names:
                path = os.path.join(folder, name)
                out['/' + os.path.relpath(path, args.dist).replace(os.sep, '/')] = path
    else:
        if args.dist:
            print(f'embed_console: no {args.dist}/index.html: the console is not built, embedding a page that says so')
        out['/index.html'] = args.fallback
    for extra in args.extra:
        path, file = extra.split('=', 1)
        out[path] = file
    return dict(sorted(out.items(), key=lambda kv: kv[0].encode()))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--dist', default='')
    p.add_argument('--fallback', required=True)
    p.add_argument('--extra', action='append', default=[])
    p.add_argument('--asm', required=True)
    p.add_argument('--table', required=True)
    p.add_argument('--dep', required=True)
    args = p.parse_args()
    files = files_of(args)
    blob_dir = args.asm + '.d'
    os.makedirs(blob_dir, exist_ok=True)
    asm, rows, externs = ['    .section .rodata.console,"a",@progbits'], [], []
    for i, (path, file) in enumerate(files.items()):
        with open(file, 'rb') as f:
            data = f.read()
        ext = os.path.splitext(path)[1]
        digest = hashlib.sha256(data).hexdigest()[:20]
        forms = [('plain', data, '')]
        if ext not in PACKED and len(data) > 200:
            for form, packed, tag in (('gzip', gzip.compress(data, 9, mtime=0), '-gz'), ('br', brotli(data), '-br')):
                if len(packed) < len(data) * 9 // 10:
                    forms.append((form, packed, tag))
        fields = []
        for form, content, tag in forms:
            name = f'console_blob_{i}_{form}'
            blob = os.path.abspath(os.path.join(blob_dir, name))
            with open(blob, 'wb') as f:
                f.write(content)
            asm += ['    .balign 16', f'    .globl {name}', f'    .hidden {name}', f'{name}:', f'    .incbin "{blob}"',
                    '    .byte 0']
            externs.append(f'extern const char {name}[];')
            fields.append(f'.{form} = {{{name}, {len(content)}, "\\"{digest}{tag}\\""}}')
        immutable = 'true' if path.startswith('/assets/') and HASHED.search(path) else 'false'
        content_type = TYPES.get(ext, 'application/octet-stream')
        rows.append(f'    {{.path = "{path}", .type = "{content_type}", .immutable = {immutable},\n     '
                    + ',\n     '.join(fields) + '},')
    asm.append('    .section .note.GNU-stack,"",@progbits')
    with open(args.asm, 'w') as f:
        f.write('\n'.join(asm) + '\n')
    with open(args.table, 'w') as f:
        f.write('#include "web/console.h"\n\n' + '\n'.join(externs)
                + '\n\nconst struct console_file console_files[] = {\n' + '\n'.join(rows)
                + '\n};\nconst size_t console_files_n = sizeof(console_files) / sizeof(console_files[0]);\n')
    with open(args.dep, 'w') as f:
        f.write(f'{args.asm}: ' + ' '.join(os.path.abspath(x) for x in files.values()) + '\n')


main()
