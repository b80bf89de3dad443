"""embed.py INPUT OUTPUT NAME: a file's bytes as a C array `NAME`, with `NAME_n`."""
import sys

data = open(sys.argv[1], 'rb').read()
name = sys.argv[3]
with open(sys.argv[2], 'w') as out:
    out.write('#include <stddef.h>\n\nextern const char %s[];\nextern const size_t %s_n;\n' % (name, name))
    out.write('const char %s[] = {\n' % name)
    for at in range(0, len(data), 16):
        out.write('    ' + ' '.join('%d,' % (b if b < 128 else b - 256) for b in data[at:at + 16]) + '\n')
    out.write('    0,\n};\nconst size_t %s_n = %d;\n' % (name, len(data)))
