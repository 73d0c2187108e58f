"""The settings of miniprogram-ci 2.1.42 (its README, 编译设置; `ICompileSettings` of its types)."""

from mprelease.domain.platforms import Platform
from mprelease.platforms.settings import KnownSettings

# An option of previews only: packages of up to 4 MB.
BIG_PACKAGES = "bigPackageSizeSupport"
# The tool documents project.config.json as the replacement of this one: it is written there.
FILTER_UNUSED = "allowIgnoreUnusedFiles"

_COMPILER = (
    "useProjectConfig",
    "es6",
    "es7",
    "minify",
    "minifyJS",
    "minifyWXML",
    "minifyWXSS",
    "autoPrefixWXSS",
    "codeProtect",
    "disableUseStrict",
    "compileWorklet",
)
# Names in project.config.json and in the developer tool.
_SYNONYMS = {
    "enhance": "es7",
    "minified": "minify",
    "postcss": "autoPrefixWXSS",
    "uglifyFileName": "codeProtect",
    "ignoreUploadUnusedFiles": FILTER_UNUSED,
    "ignoreDevUnusedFiles": FILTER_UNUSED,
}
WECHAT_SETTINGS = KnownSettings(
    Platform.WECHAT, dict.fromkeys((*_COMPILER, BIG_PACKAGES, FILTER_UNUSED), bool), _SYNONYMS
)
